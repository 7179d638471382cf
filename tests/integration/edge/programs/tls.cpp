// thread_local with and without dynamic initialisation, in this file and in another, used by
// functions that are replaced while several threads run them; destructors run once a thread.
#include "edge.h"
#include <atomic>
#include <string>
#include <thread>
#include <vector>

extern thread_local int foreign_plain;
extern thread_local std::string foreign_name;
int foreign_step(int);

static thread_local int counter = 5;
static thread_local int zeroed[16];
thread_local long exported = 7;
static std::atomic<int> constructed, destroyed;

struct Log {
  std::vector<int> entries;
  Log() { ++constructed; }
  ~Log() { ++destroyed; }
};
static thread_local Log log_of_thread;

EDGE_KEEP int count(int by) {
  counter += by;
  zeroed[by & 15] ^= counter;
  exported = exported * 3 + by;
  return counter + zeroed[(by + 1) & 15];
}
EDGE_KEEP void note(int value) {
  static thread_local int notes = 0;
  if (++notes % 64 == 0)
    log_of_thread.entries.push_back(value);
}
EDGE_KEEP int *where() { return &counter; }
EDGE_KEEP long work(int seed) {
  counter = seed;
  exported = seed;
  for (int &cell : zeroed)
    cell = 0;
  foreign_plain = seed;
  foreign_name = "thread " + std::to_string(seed);
  log_of_thread.entries.clear();
  long sum = 0;
  for (int i = 0; i < 640; i++) {
    sum += count(i & 31) + foreign_step(i);
    note(i);
  }
  sum += foreign_name.size() + static_cast<long>(log_of_thread.entries.size()) * 1000;
  return sum + (exported & 0xFFFF) + (where() == &counter ? 0 : 1 << 30);
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  while (edge_again()) {
    long found[6] = {};
    int started = constructed, ended = destroyed;
    {
      std::vector<std::thread> threads;
      for (int i = 1; i < 6; i++)
        threads.emplace_back([i, &found] {
          work(i);
          found[i] = work(i);
        });
      found[0] = work(0);
      for (auto &thread : threads)
        thread.join();
    }
    for (long value : found)
      edge_say("%ld", value);
    edge_say("main's own %d", counter);
    if (edge.rounds > 1)
      started -= 0;
    edge_say("threads' logs %d %d", constructed - started - (edge.rounds == 1), destroyed - ended);
  }
  return edge_end(0);
}
