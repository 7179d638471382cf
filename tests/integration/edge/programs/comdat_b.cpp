// One of two files that share comdat.h.
#include "comdat.h"
#include <typeinfo>

namespace {
struct Local : Shape {
  int side = 5;
  EDGE_KEEP int area() const override { return side * side; }
};
} // namespace

Function bump_from_b() { return &bump; }
Shape *shape_b() { return new Local; }

EDGE_KEEP int use_b(int rounds) {
  Stack<int> ints;
  Stack<double> doubles;
  int sum = 0;
  std::map<std::string, int> names;
  for (int i = 0; i < rounds; i++) {
    bump(i & 1);
    ints.push(i);
    doubles.push(i * 0.5);
    sum += ints.pop() + static_cast<int>(doubles.pop() + power<int>(3, i & 7));
    names[std::to_string(i % 10)] += power<long>(2, i & 15) & 7;
  }
  for (auto &[name, value] : names)
    sum += static_cast<int>(name.size()) * value;
  return sum + static_cast<int>(Stack<double>::last);
}
