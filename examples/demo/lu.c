/* The demo: a sweep that solves a dense linear system at each of many frequencies, and says how fast.
 *
 * `lu [ROUNDS [SIZE]]`. Each round shifts the diagonal of a matrix, factors it (LU by rows; no pivots are
 * needed, for the diagonal dominates) and solves it for many right sides at once. What was computed goes to
 * stdout, to the last bit; the speed goes to stderr, a line each quarter of a second, so that one sees it rise
 * while the program runs. The innermost loop subtracts multiples of rows from a row: plain code, written
 * without a thought for any machine. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* In [-0.5, 0.5), the same everywhere (a 64-bit linear congruence, Knuth's constants). */
static double next_random(uint64_t *state) {
  *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (double)(*state >> 11) * 0x1p-53 - 0.5;
}

/* A system is n rows of n coefficients and SIDES right sides each. */
enum { SIDES = 64 };

/* Random coefficients; right side s is what makes every unknown s + 1 when the shift is zero. */
void make_system(int n, double *system) {
  int width = n + SIDES;
  uint64_t state = 20;
  for (int i = 0; i < n; i++) {
    double *row = system + i * width, sum = 0.0;
    for (int j = 0; j < n; j++) {
      row[j] = next_random(&state) + (i == j ? n : 0);
      sum += row[j];
    }
    for (int s = 0; s < SIDES; s++)
      row[n + s] = sum * (s + 1);
  }
}

void shift_diagonal(int n, const double *system, double shift, double *shifted) {
  int width = n + SIDES;
  memcpy(shifted, system, sizeof *shifted * n * width);
  for (int i = 0; i < n; i++)
    shifted[i * width + i] += shift;
}

static void subtract_row(int count, double *restrict from, const double *restrict row, double factor) {
  for (int j = 0; j < count; j++)
    from[j] -= factor * row[j];
}

/* Four rows at once: each element of `from` is loaded and stored once for eight operations. */
static void subtract_four_rows(int count, double *restrict from, const double *restrict rows, int width,
                               const double factors[4]) {
  const double *r0 = rows, *r1 = r0 + width, *r2 = r1 + width, *r3 = r2 + width;
  double f0 = factors[0], f1 = factors[1], f2 = factors[2], f3 = factors[3];
  for (int j = 0; j < count; j++)
    from[j] -= f0 * r0[j] + f1 * r1[j] + f2 * r2[j] + f3 * r3[j];
}

/* Eliminates `row`'s coefficients k .. k + 4 with the finished rows k .. k + 4. */
static void eliminate_four(int n, const double *system, int k, double *row) {
  int width = n + SIDES;
  const double *above = system + k * width;
  for (int p = 0; p < 4; p++) {
    row[k + p] /= above[p * width + k + p];
    for (int q = p + 1; q < 4; q++)
      row[k + q] -= row[k + p] * above[p * width + k + q];
  }
  subtract_four_rows(width - k - 4, row + k + 4, above + k + 4, width, row + k);
}

/* Leaves L below the diagonal, U on and above it, and the right sides as if divided by L. */
void factor(int n, double *system) {
  int width = n + SIDES;
  for (int i = 1; i < n; i++) {
    double *row = system + i * width;
    int k = 0;
    for (; k + 4 <= i; k += 4)
      eliminate_four(n, system, k, row);
    for (; k < i; k++) {
      const double *above = system + k * width;
      row[k] /= above[k];
      subtract_row(width - k - 1, row + k + 1, above + k + 1, row[k]);
    }
  }
}

/* Turns the right sides into the solutions, from the last unknown to the first. */
void substitute(int n, double *system) {
  int width = n + SIDES;
  for (int i = n - 1; i >= 0; i--) {
    double *row = system + i * width;
    int k = i + 1;
    for (; k + 4 <= n; k += 4)
      subtract_four_rows(SIDES, row + n, system + k * width + n, width, row + k);
    for (; k < n; k++)
      subtract_row(SIDES, row + n, system + k * width + n, row[k]);
    for (int s = 0; s < SIDES; s++)
      row[n + s] /= row[i];
  }
}

static double sum_of_solutions(int n, const double *system) {
  double sum = 0.0;
  for (int i = 0; i < n; i++)
    sum += system[i * (n + SIDES) + n + i % SIDES];
  return sum;
}

static double operations(int n) { return 2.0 / 3.0 * n * n * n + 2.0 * n * n * SIDES; }

int main(int argc, char **argv) {
  long rounds = argc > 1 ? atol(argv[1]) : 20000;
  int n = argc > 2 ? atoi(argv[2]) : 128;
  if (rounds < 1 || n < 1 || n > 4000) {
    fprintf(stderr, "Usage: %s [ROUNDS [SIZE]], SIZE at most 4000\n", argv[0]);
    return 2;
  }
  size_t bytes = sizeof(double) * n * (n + SIDES);
  double *system = malloc(bytes), *work = malloc(bytes);
  make_system(n, system);
  double total = 0.0, last = 0.0, start = now_s(), lap = start;
  long lap_rounds = 0;
  for (long round = 0; round < rounds; round++) {
    shift_diagonal(n, system, 0.001 * (double)round, work);
    factor(n, work);
    substitute(n, work);
    last = sum_of_solutions(n, work);
    total += last;
    lap_rounds++;
    double now = now_s();
    if (now - lap >= 0.25 || round == rounds - 1) {
      double mflop_per_s = (double)lap_rounds * operations(n) * 1e-6 / (now - lap);
      fprintf(stderr, "%6.2f s  round %7ld  %8.0f Mflop/s\n", now - start, round + 1, mflop_per_s);
      lap = now;
      lap_rounds = 0;
    }
  }
  printf("%ld systems of %d unknowns, %d right sides each\n", rounds, n, SIDES);
  printf("last system %a\nall systems %a\n", last, total);
  free(system);
  free(work);
  return 0;
}
