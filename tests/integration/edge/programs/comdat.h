// Inline and template functions that three files instantiate: one prevailing copy of each.
#pragma once
#include "edge.h"
#include <map>
#include <string>

inline int inline_counter = 0;

EDGE_KEEP inline int bump(int by) {
  static int calls = 0;
  ++calls;
  inline_counter += by;
  return calls;
}

template <typename T> struct Stack {
  static inline T last{};
  T cells[16];
  int depth = 0;
  EDGE_KEEP void push(T value) {
    cells[depth++ & 15] = value;
    last = value;
  }
  EDGE_KEEP T pop() { return cells[--depth & 15]; }
};

template <typename T> EDGE_KEEP T power(T base, unsigned exponent) {
  T result = 1;
  while (exponent != 0) {
    if (exponent & 1)
      result *= base;
    base *= base;
    exponent >>= 1;
  }
  return result;
}

struct Shape {
  virtual ~Shape() = default;
  EDGE_KEEP virtual int area() const { return 0; }
};

using Function = int (*)(int);
Function bump_from_a(), bump_from_b();
int use_a(int), use_b(int);
Shape *shape_a(), *shape_b();
