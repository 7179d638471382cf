/* Labels the clusters of a random grid with union-find, and counts how often it looked, hopped and merged.
 * A round is one grid. */
#include "rounds.h"

static int *parent, *size_of;
static int finds, hops, merges, repeats, filled;

static int root_of(int x) {
  finds++;
  while (parent[x] != x) {
    parent[x] = parent[parent[x]];
    x = parent[x];
    hops++;
  }
  return x;
}

static void join(int a, int b) {
  a = root_of(a);
  b = root_of(b);
  if (a == b) {
    repeats++;
    return;
  }
  if (size_of[a] < size_of[b]) {
    int swap = a;
    a = b;
    b = swap;
  }
  parent[b] = a;
  size_of[a] += size_of[b];
  merges++;
}

/* Marks the cells that are occupied; the others get no parent. */
void fill(int cells, uint64_t *seed) {
  for (int i = 0; i < cells; i += 8) {
    uint64_t bits = rounds_random(seed);
    for (int k = 0; k < 8 && i + k < cells; k++, bits >>= 8) {
      int occupied = (bits & 255) < 152;
      parent[i + k] = occupied ? i + k : -1;
      size_of[i + k] = occupied;
      filled += occupied;
    }
  }
}

void label(int side) {
  for (int row = 0; row < side; row++)
    for (int column = 0; column < side; column++) {
      int here = row * side + column;
      if (parent[here] < 0)
        continue;
      if (column > 0 && parent[here - 1] >= 0)
        join(here, here - 1);
      if (row > 0 && parent[here - side] >= 0)
        join(here, here - side);
    }
}

static int largest(int cells) {
  int best = 0;
  for (int i = 0; i < cells; i++)
    if (parent[i] == i && size_of[i] > best)
      best = size_of[i];
  return best;
}

int main(int argc, char **argv) {
  struct rounds rounds = rounds_begin(argc, argv, 5000);
  int side = (int)rounds_argument(argc, argv, 2, 160), cells = side * side;
  parent = malloc(sizeof *parent * cells);
  size_of = malloc(sizeof *size_of * cells);
  uint64_t seed = 11;
  long sums[6] = {0};
  do {
    finds = hops = merges = repeats = filled = 0;
    fill(cells, &seed);
    label(side);
    sums[0] += finds;
    sums[1] += hops;
    sums[2] += merges;
    sums[3] += repeats;
    sums[4] += filled;
    sums[5] += largest(cells);
  } while (rounds_next(&rounds));
  printf("finds %ld hops %ld merges %ld repeats %ld filled %ld largest %ld\n", sums[0], sums[1], sums[2], sums[3],
         sums[4], sums[5]);
  free(parent);
  free(size_of);
}
