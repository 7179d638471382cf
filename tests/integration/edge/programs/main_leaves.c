/* Ways out of main's loops: break, continue, goto outwards and across, switch, return from within. */
#include "edge.h"

static int grid[64][64];
static volatile int zero;

EDGE_KEEP int probe(int i, int j) { return grid[i & 63][j & 63] + zero; }

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  long total = 0;
  int found_i = -1, found_j = -1, kind = 0;
  for (;;) {
    if (!edge_again())
      goto over;
    total = 0;
    kind = 0;
    for (int i = 0; i < 64; i++)
      for (int j = 0; j < 64; j++)
        grid[i][j] = (int)(edge_mix((uint64_t)(i * 64 + j)) % 1000);
    for (int i = 0; i < 64; i++) {
      if (i % 5 == 3)
        continue;
      for (int j = 0; j < 64; j++) {
        int value = grid[i][j];
        if (value > 990 && i > 20) {
          found_i = i;
          found_j = j;
          goto found;
        }
        if (value % 7 == 0)
          continue;
        if (value > 950)
          break;
        total += value;
      }
    }
    edge_say("nothing");
    continue;
  found:
    edge_say("found %d %d total %ld", found_i, found_j, total);
    for (unsigned i = 0;; i++) {
      switch (probe((int)i, (int)i / 3) % 5) {
      case 0:
        kind += 3;
        break;
      case 1:
        if (i > 300)
          goto counted;
        kind ^= (int)i;
        /* fall through */
      case 2:
        kind++;
        continue;
      default:
        kind -= 2;
      }
      if (kind > 1 << 20)
        return edge_end(3);
    }
  counted:
    edge_say("kind %d", kind);
    for (int i = 0; i < 64; i++)
      for (int j = 0; j < 64; j++)
        for (int k = 0; k < 8; k++)
          if (grid[i][j] + k == 100000 + zero)
            return edge_end(4);
  }
over:
  for (int i = 0; i < 1000; i++)
    for (int j = 0; j < 50; j++)
      if (grid[i & 63][j] == grid[(i + 1) & 63][j + 1])
        return edge_end(i & 63);
  return edge_end(99);
}
