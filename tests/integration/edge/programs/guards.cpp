// Function statics with dynamic initialisation: their guards and their storage are the program's,
// whichever of original or variant comes first; the constructor runs once.
#include "edge.h"
#include <atomic>
#include <string>
#include <thread>
#include <vector>

static std::atomic<int> constructions; // several threads construct at once
static int copies;

struct Counted {
  int value;
  explicit Counted(int start) : value(start) { ++constructions; }
  Counted(const Counted &other) : value(other.value) { ++copies; }
};

inline Counted &shared() {
  static Counted instance(40);
  return instance;
}

EDGE_KEEP int next(int by) {
  static Counted mine(by + 1);
  static const std::string name = "guard " + std::to_string(by * 0 + 5);
  shared().value ^= by;
  mine.value = (mine.value * 31 + by) & 0xFFFF;
  return static_cast<int>(name.size()) + mine.value * 0;
}

template <int N> EDGE_KEEP int &cell() {
  static int storage = edge_mix(N) & 0xFF;
  return storage;
}

EDGE_KEEP int throws_first_time(int &attempts) {
  struct Late {
    explicit Late(int &attempts) {
      if (++attempts < 3)
        throw attempts;
    }
  };
  static Late late(attempts);
  return attempts;
}

EDGE_KEEP int race(int number) {
  static thread_local Counted local(number);
  static Counted common(17);
  return local.value * 100 + common.value;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  int attempts = 0;
  int failures = 0;
  for (int i = 0; i < 5; i++)
    try {
      throws_first_time(attempts);
    } catch (int) {
      failures++;
    }
  while (edge_again()) {
    int sum = 0;
    shared().value = 40;
    for (int i = 0; i < 500; i++)
      sum += next(i);
    edge_say("sum %d shared %d", sum, shared().value);
    cell<1>() += 3;
    cell<1>() -= 3;
    edge_say("cells %d %d apart %d", cell<1>(), cell<2>(), &cell<1>() != &cell<2>());
    edge_say("late after %d attempts, %d failures", throws_first_time(attempts), failures);
    std::vector<std::thread> threads;
    int found[4] = {};
    for (int i = 0; i < 4; i++)
      threads.emplace_back([i, &found] { found[i] = race(i); });
    for (auto &thread : threads)
      thread.join();
    edge_say("race %d %d %d %d", found[0], found[1], found[2], found[3]);
    edge_say("copies %d", copies);
  }
  std::printf("constructions beyond the threads' own: %d\n", constructions.load() - 4 * (int)edge.rounds);
  return edge_end(0);
}
