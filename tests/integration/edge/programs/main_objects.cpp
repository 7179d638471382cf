// C++ loops in main: objects that live for an iteration, exceptions out of it and through it.
#include "edge.h"
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

static int alive;
struct Counted {
  int value;
  explicit Counted(int value) : value(value) { alive++; }
  Counted(const Counted &other) : value(other.value) { alive++; }
  ~Counted() { alive--; }
};

EDGE_KEEP int risky(int i) {
  if (i % 97 == 13)
    throw std::runtime_error("unlucky " + std::to_string(i));
  return i * 3;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  std::vector<int> numbers(500);
  std::string outer = "outer";
  while (edge_again()) {
    for (std::size_t i = 0; i < numbers.size(); i++)
      numbers[i] = static_cast<int>(edge_mix(i) % 1000);
    long sum = 0;
    for (int number : numbers)
      sum += number;
    std::map<int, std::vector<int>> groups;
    for (int number : numbers)
      groups[number % 10].push_back(number);
    std::string text;
    for (const auto &[key, members] : groups) {
      std::unique_ptr<Counted> held = std::make_unique<Counted>(key);
      for (int member : members)
        held->value = (held->value * 31 + member) & 0xFFFFFF;
      text += std::to_string(held->value) + ",";
    }
    edge_say("sum %ld text %s", sum, text.c_str());

    int caught = 0;
    long risked = 0;
    for (int i = 0; i < 300; i++) {
      Counted inner(i);
      std::string name = outer + std::to_string(i);
      try {
        risked += risky(inner.value) + static_cast<long>(name.size());
      } catch (const std::runtime_error &error) {
        caught += static_cast<int>(name.size()) + error.what()[0];
      }
    }
    edge_say("caught %d risked %ld alive %d", caught, risked, alive);
    try {
      for (int i = 20;; i++) {
        Counted inner(i), other(inner);
        std::string name = outer + std::to_string(i);
        risked += risky(i) + static_cast<long>(name.size()) + other.value;
      }
    } catch (const std::exception &error) {
      edge_say("stopped by %s at %ld alive %d", error.what(), risked, alive);
    }
  }
  // Thrown through main's frame and its destructors: nobody catches it there.
  try {
    std::vector<Counted> many;
    for (int i = 0; i < 200; i++) {
      std::string name = outer + std::to_string(i);
      many.emplace_back(risky(i + 50) + static_cast<int>(name.size()));
    }
  } catch (...) {
    std::printf("at the end alive %d\n", alive);
  }
  return edge_end(alive);
}
