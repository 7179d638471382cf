/* setjmp and longjmp across variants: out of them, into callers of them, and over many. */
#include "edge.h"
#include <setjmp.h>

static jmp_buf *target;
static volatile int unwound;

EDGE_KEEP void jump(int value) { longjmp(*target, value); }
EDGE_KEEP int search(int depth, int stop) {
  volatile int local = depth;
  if (depth == stop)
    jump(depth + 1);
  int found = depth > 40 ? 0 : search(depth + 1, stop);
  unwound++;
  return found + local;
}
EDGE_KEEP int attempt(int stop) {
  jmp_buf here, *saved = target;
  volatile int tries = 0;
  int result = setjmp(here);
  target = &here;
  tries++;
  if (result == 0)
    result = -search(0, stop);
  target = saved;
  return result * 10 + tries;
}
EDGE_KEEP int generator(int rounds) {
  /* A loop that goes round by longjmp: the frame is entered once a call. */
  jmp_buf here, *saved = target;
  volatile int i = 0, sum = 0;
  target = &here;
  setjmp(here);
  i++;
  sum += i * i;
  if (i < rounds)
    jump(1);
  target = saved;
  return sum;
}
EDGE_KEEP int with_mask(int value) {
  sigjmp_buf here;
  if (sigsetjmp(here, 1) == 0) {
    if (value & 1)
      siglongjmp(here, 1);
    return 1;
  }
  return 2;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  while (edge_again()) {
    unwound = 0;
    int sum = 0;
    for (int i = 0; i < 60; i++)
      sum = sum * 3 + attempt(i) + generator(i & 7) + with_mask(i);
    edge_say("sum %d unwound %d", sum, unwound);
  }
  return edge_end(0);
}
