/* Loops in main that must stay there: setjmp, alloca and arrays of variable length in the body, labels
 * whose addresses are taken. */
#include "edge.h"
#include <alloca.h>
#include <setjmp.h>

static jmp_buf target;
static int walk(int argc);

EDGE_KEEP void jump(int value) { longjmp(target, value); }

EDGE_KEEP long fill(long *values, int count) {
  long sum = 0;
  for (int i = 0; i < count; i++)
    sum += values[i] = i * count;
  return sum;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  static void *const steps[] = {&&add, &&twice, &&stop};
  volatile int rounds = 0;
  while (edge_again()) {
    rounds = 0;
    int value = setjmp(target);
    rounds++;
    if (value < 20)
      jump(value + 1);
    edge_say("rounds %d value %d", rounds, value);
    long sum = 1;
    for (int at = 0;; at++)
      goto *steps[at < 40 ? at & 1 : 2];
  add:
    sum += rounds;
  twice:
    sum *= 2;
    if (sum < 1l << 40)
      goto *steps[sum & 1];
  stop:
    edge_say("sum %ld walk %d", sum, walk(argc));
  }
  return edge_end(0);
}

/* Entered once from main's point of view, with frames of changing size. */
static int walk(int argc) {
  long sum = 0;
  for (int i = 1; i < 60; i++) {
    long values[i + argc * 0];
    sum += fill(values, i);
    long *more = alloca(sizeof(long) * (size_t)i);
    sum ^= fill(more, i);
  }
  return (int)(sum & 0xFFFFFF);
}
