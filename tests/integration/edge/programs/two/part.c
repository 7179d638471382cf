/* part.c of directory two: has the same names, and the same relative path, as that of one. */
#include "edge.h"

static int counter;
static const char *const label = "two";
static int table[8];

EDGE_KEEP static int step(int by, int *calls_so_far) {
  static int calls = 200;
  calls += 1;
  counter += by + table[calls & 7];
  *calls_so_far = calls;
  return counter;
}

EDGE_KEEP void two_reset(void) {
  counter = 0;
  for (int i = 0; i < 8; i++)
    table[i] = i + 1;
}
EDGE_KEEP int two_run(int rounds, int *calls) {
  int sum = 0;
  for (int i = 0; i < rounds; i++) {
    sum += step(i, calls);
    table[i & 7] ^= sum & 15;
  }
  return sum;
}
EDGE_KEEP int two_counter(void) { return counter; }
EDGE_KEEP const int *two_address(void) { return &counter; }
EDGE_KEEP const char *two_label(void) { return label; }
