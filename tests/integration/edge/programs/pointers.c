/* Function pointers taken in old code and compared and called in new code, and the other way. */
#include "edge.h"

typedef int operation(int, int);

EDGE_KEEP static int add(int a, int b) { return a + b; }
EDGE_KEEP static int sub(int a, int b) { return a - b; }
EDGE_KEEP int mul(int a, int b) { return a * b; }
EDGE_KEEP static int same_as_add(int a, int b) { return a + b; }
int mul_elsewhere(int, int);
operation *mul_pointer(void);

static operation *const operations[] = {add, sub, mul, same_as_add, mul_elsewhere};
static operation *current = add;

EDGE_KEEP operation *pick(int index) { return operations[index % 5]; }
EDGE_KEEP int index_of(operation *function) {
  if (function == add)
    return 0;
  if (function == sub)
    return 1;
  if (function == mul)
    return 2;
  if (function == same_as_add)
    return 3;
  return function == mul_elsewhere ? 4 : -1;
}
EDGE_KEEP void choose(operation *function) { current = function; }
EDGE_KEEP int apply(int a, int b) { return current(a, b); }
EDGE_KEEP static int by_value(const void *left, const void *right) {
  int a = *(const int *)left, b = *(const int *)right;
  return (a > b) - (a < b);
}
EDGE_KEEP static int by_mixed(const void *left, const void *right) {
  uint64_t a = edge_mix((uint64_t)*(const int *)left), b = edge_mix((uint64_t)*(const int *)right);
  return (a > b) - (a < b);
}
EDGE_KEEP int sorted_sum(int (*compare)(const void *, const void *)) {
  int cells[200], sum = 0;
  for (int i = 0; i < 200; i++)
    cells[i] = (int)(edge_mix((uint64_t)i) & 0xFFFF);
  qsort(cells, 200, sizeof *cells, compare);
  for (int i = 0; i < 200; i++)
    sum = sum * 3 + cells[i];
  return sum;
}
EDGE_KEEP int switch_on(operation *function, int a) {
  /* A guard the optimizer likes to turn into direct calls. */
  if (function == sub)
    return sub(a, 1);
  if (function == add)
    return add(a, 1);
  return function(a, 2);
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  operation *old[5];
  for (int i = 0; i < 5; i++)
    old[i] = pick(i);
  while (edge_again()) {
    int sum = 0, same = 0;
    for (int i = 0; i < 400; i++) {
      operation *function = pick(i);
      same += function == old[i % 5];
      choose(i & 8 ? old[i % 5] : function);
      sum = sum * 7 + apply(i, i + 3) + index_of(old[(i + 1) % 5]) + switch_on(function, i);
    }
    edge_say("sum %d same %d", sum, same);
    edge_say("distinct %d %d", add != same_as_add, pick(0) != pick(3));
    edge_say("elsewhere %d", mul_pointer() == mul && mul_pointer() == old[2]);
    edge_say("sorted %d %d", sorted_sum(by_value), sorted_sum(by_mixed));
  }
  return edge_end(4);
}
