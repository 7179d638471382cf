/* The spectral norm of the infinite matrix A(i,j) = 1 / ((i+j)(i+j+1)/2 + i + 1), cut off at n, by power
 * iteration on A^T A. A round is one iteration from a start of its own. */
#include "rounds.h"
#include <math.h>

static double element(int i, int j) { return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1); }

KERNEL void times(int n, const double *in, double *out) {
  for (int i = 0; i < n; i++) {
    double sum = 0.0;
    for (int j = 0; j < n; j++)
      sum += element(i, j) * in[j];
    out[i] = sum;
  }
}

KERNEL void times_transposed(int n, const double *in, double *out) {
  for (int i = 0; i < n; i++) {
    double sum = 0.0;
    for (int j = 0; j < n; j++)
      sum += element(j, i) * in[j];
    out[i] = sum;
  }
}

double dot(int n, const double *a, const double *b) {
  double sum = 0.0;
  for (int i = 0; i < n; i++)
    sum += a[i] * b[i];
  return sum;
}

int main(int argc, char **argv) {
  struct rounds rounds = rounds_begin(argc, argv, 2600);
  int n = (int)rounds_argument(argc, argv, 2, 400);
  double *u = malloc(sizeof *u * n), *v = malloc(sizeof *v * n), *w = malloc(sizeof *w * n);
  uint64_t seed = 4;
  double norm = 0.0, sum = 0.0;
  for (int i = 0; i < n; i++)
    u[i] = 1.0;
  do {
    times(n, u, w);
    times_transposed(n, w, v);
    norm = sqrt(dot(n, v, u) / dot(n, u, u));
    sum += norm;
    double size = sqrt(dot(n, v, v));
    for (int i = 0; i < n; i++)
      u[i] = v[i] / size;
    if (rounds.done % 16 == 15) /* once it has converged, start from elsewhere */
      for (int i = 0; i < n; i++)
        u[i] = rounds_uniform(&seed);
  } while (rounds_next(&rounds));
  printf("norm %a sum %a\n", norm, sum);
  free(u);
  free(v);
  free(w);
}
