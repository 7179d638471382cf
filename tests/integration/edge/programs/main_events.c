/* An event loop in main that never returns: it ends by exit(), from within. */
#include "edge.h"

enum { PUSH, ADD, MULTIPLY, SWAP, DROP, TEST, REPORT };
static const unsigned char program[] = {PUSH, 3, PUSH, 5, ADD, PUSH, 7, MULTIPLY, SWAP, ADD, TEST, REPORT};

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  uint64_t stack[64] = {1};
  unsigned depth = 1, rounds = 0;
  const unsigned char *at = program;
  edge_again();
  for (;;) {
    switch (*at++) {
    case PUSH:
      if (depth == 64)
        abort();
      stack[depth++] = *at++;
      break;
    case ADD:
      depth--;
      stack[depth - 1] += stack[depth];
      break;
    case MULTIPLY:
      depth--;
      stack[depth - 1] = stack[depth - 1] * stack[depth] ^ rounds;
      break;
    case SWAP: {
      uint64_t top = stack[depth - 1];
      stack[depth - 1] = stack[depth - 2];
      stack[depth - 2] = top;
      break;
    }
    case DROP:
      depth--;
      break;
    case TEST:
      stack[depth - 1] = edge_mix(stack[depth - 1]);
      if (++rounds % 20000 != 0)
        at = program;
      break;
    case REPORT:
      edge_say("depth %u top %llu", depth, (unsigned long long)stack[depth - 1]);
      if (!edge_again())
        exit(edge_end(5));
      depth = 1;
      stack[0] = 1;
      rounds = 0;
      at = program;
      break;
    default:
      abort();
    }
  }
}
