/* Waves on a torus, where everything that could be set is a file-level static nobody ever sets. The
 * compiler sees that, folds the values in and unrolls; a build that keeps statics external and changeable
 * divides, multiplies and tests in the innermost loop instead. A round is one step in time. */
#include "rounds.h"

static int width = 128;
static int height = 128;
static int halo_cells = 1;
static int damped = 1;
static int nonlinear = 0;
static int clamp = 0;
static double speed = 0.4;
static double damping = 0.999;
static double stiffness = 0.01;
static double limit = 4.0;

static int cell(int row, int column) {
  row = (row + height) % height;
  column = (column + width) % width;
  return row * width + column;
}

static double bend(const double *now, int row, int column) {
  double sum = 0.0;
  for (int offset = -halo_cells; offset <= halo_cells; offset++) {
    if (offset == 0)
      continue;
    sum += now[cell(row + offset, column)];
    sum += now[cell(row, column + offset)];
  }
  return sum - 4 * halo_cells * now[cell(row, column)];
}

KERNEL void step(const double *before, const double *now, double *after) {
  for (int row = 0; row < height; row++)
    for (int column = 0; column < width; column++) {
      int here = cell(row, column);
      double value = 2.0 * now[here] - before[here] + speed * speed * bend(now, row, column);
      if (damped)
        value *= damping;
      if (nonlinear)
        value -= stiffness * now[here] * now[here] * now[here];
      if (clamp && value > limit)
        value = limit;
      after[here] = value;
    }
}

int main(int argc, char **argv) {
  struct rounds rounds = rounds_begin(argc, argv, 60000);
  int cells = width * height;
  double *before = calloc(cells, sizeof(double)), *now = calloc(cells, sizeof(double)),
         *after = calloc(cells, sizeof(double));
  uint64_t seed = 10;
  do {
    if (rounds.done % 50 == 0)
      now[rounds_random(&seed) % (uint64_t)cells] += 1.0;
    step(before, now, after);
    double *old = before;
    before = now;
    now = after;
    after = old;
  } while (rounds_next(&rounds));
  double sum = 0.0, squares = 0.0;
  for (int i = 0; i < cells; i++) {
    sum += now[i];
    squares += now[i] * now[i];
  }
  printf("sum %a squares %a\n", sum, squares);
  free(before);
  free(now);
  free(after);
}
