/* Solves dense linear systems as Linpack does: column-major LU with partial pivoting on top of daxpy,
 * dscal and idamax. A round makes a system, factors it and solves it. */
#include "rounds.h"
#include <math.h>

static int idamax(int n, const double *x) {
  int best = 0;
  for (int i = 1; i < n; i++)
    if (fabs(x[i]) > fabs(x[best]))
      best = i;
  return best;
}

static void dscal(int n, double factor, double *x) {
  for (int i = 0; i < n; i++)
    x[i] *= factor;
}

static void daxpy(int n, double factor, const double *x, double *y) {
  if (n <= 0 || factor == 0.0)
    return;
  for (int i = 0; i < n; i++)
    y[i] += factor * x[i];
}

/* Makes the matrix and a right side whose solution is all ones. */
KERNEL void make_system(int n, double *a, double *b, uint64_t *seed) {
  for (int i = 0; i < n; i++)
    b[i] = 0.0;
  for (int j = 0; j < n; j++) {
    double *column = a + (size_t)j * n;
    for (int i = 0; i < n; i++) {
      column[i] = rounds_uniform(seed) - 0.5;
      b[i] += column[i];
    }
  }
}

int factor(int n, double *a, int *pivots) {
  for (int k = 0; k < n - 1; k++) {
    double *column = a + (size_t)k * n;
    int pivot = k + idamax(n - k, column + k);
    pivots[k] = pivot;
    if (column[pivot] == 0.0)
      return -1;
    double swap = column[pivot];
    column[pivot] = column[k];
    column[k] = swap;
    dscal(n - k - 1, -1.0 / swap, column + k + 1);
    for (int j = k + 1; j < n; j++) {
      double *other = a + (size_t)j * n;
      double value = other[pivot];
      other[pivot] = other[k];
      other[k] = value;
      daxpy(n - k - 1, value, column + k + 1, other + k + 1);
    }
  }
  pivots[n - 1] = n - 1;
  return a[(size_t)n * n - 1] == 0.0 ? -1 : 0;
}

void solve(int n, const double *a, const int *pivots, double *b) {
  for (int k = 0; k < n - 1; k++) {
    double value = b[pivots[k]];
    b[pivots[k]] = b[k];
    b[k] = value;
    daxpy(n - k - 1, value, a + (size_t)k * n + k + 1, b + k + 1);
  }
  for (int k = n - 1; k >= 0; k--) {
    b[k] /= a[(size_t)k * n + k];
    daxpy(k, -b[k], a + (size_t)k * n, b);
  }
}

int main(int argc, char **argv) {
  struct rounds rounds = rounds_begin(argc, argv, 7000);
  int n = (int)rounds_argument(argc, argv, 2, 120);
  double *a = malloc(sizeof *a * n * n), *b = malloc(sizeof *b * n);
  int *pivots = malloc(sizeof *pivots * n);
  uint64_t seed = 1;
  double sum = 0, worst = 0;
  do {
    make_system(n, a, b, &seed);
    if (factor(n, a, pivots)) {
      printf("round %ld: singular\n", rounds.done);
      continue;
    }
    solve(n, a, pivots, b);
    for (int i = 0; i < n; i++) {
      sum += b[i];
      worst = fmax(worst, fabs(b[i] - 1.0));
    }
  } while (rounds_next(&rounds));
  printf("sum %a worst error %a\n", sum, worst);
  free(a);
  free(b);
  free(pivots);
}
