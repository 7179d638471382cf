/* A library of plugins.c: fresh statics after every load, a constructor and a destructor. */
#include "edge.h"

static int calls;
static int made;
static const int squares[] = {0, 1, 4, 9, 16, 25, 36, 49};

__attribute__((constructor)) static void make(void) { made = 1000; }
__attribute__((destructor)) static void unmake(void) { made = calls = 0; }

EDGE_KEEP static int helper(int value) {
  int sum = 0;
  for (int i = 0; i < 20; i++)
    sum = sum * 3 + squares[(value + i) & 7];
  return sum;
}
EDGE_KEEP int plugin_compute(int value) { return helper(value) + ++calls + made; }
EDGE_KEEP int *plugin_address(void) { return &calls; }
