/* work.h: something to patch, for programs whose point is elsewhere. Include it in one file. */
#ifndef WORK_H
#define WORK_H

#include "edge.h"

static unsigned long work_state;

EDGE_KEEP unsigned long work_step(unsigned long value, int by) {
  for (int i = 0; i < 50; i++)
    value = (value ^ (value << 13) ^ (value >> 7)) + (unsigned long)by;
  return value;
}
EDGE_KEEP unsigned long work(int rounds) {
  unsigned long value = 88172645463325252UL;
  for (int i = 0; i < rounds; i++)
    value = work_step(value, i);
  work_state = value;
  return value;
}

#endif
