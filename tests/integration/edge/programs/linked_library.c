/* The library of linked.c. */
#include "edge.h"

int library_variable = 3;

EDGE_KEEP int interposed(int value) { return value * 1000; }
EDGE_KEEP const int *library_variable_address(void) { return &library_variable; }
EDGE_KEEP int library_call(int value) {
  int sum = 0;
  for (int i = 0; i < 10; i++)
    sum += interposed(value + i) ^ library_variable;
  return sum;
}
EDGE_KEEP int library_calls_back(int (*function)(int), int value) {
  return function(value) + function(value + 1);
}
