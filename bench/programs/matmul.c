/* Multiplies matrices as the textbook writes it: three loops, a dot product in the innermost.
 * A round is one product and feeds the next. */
#include "rounds.h"

KERNEL void multiply(int n, const double *a, const double *b, double *c) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      double sum = 0.0;
      for (int k = 0; k < n; k++)
        sum += a[(size_t)i * n + k] * b[(size_t)k * n + j];
      c[(size_t)i * n + j] = sum;
    }
}

/* Keeps the numbers near one, whatever the products do. */
KERNEL void normalize(int n, double *a) {
  double most = 0.0;
  for (int i = 0; i < n * n; i++) {
    double size = a[i] < 0 ? -a[i] : a[i];
    if (size > most)
      most = size;
  }
  double factor = most > 0.0 ? 1.0 / most : 1.0;
  for (int i = 0; i < n * n; i++)
    a[i] *= factor;
}

double trace(int n, const double *a) {
  double sum = 0.0;
  for (int i = 0; i < n; i++)
    sum += a[(size_t)i * n + i];
  return sum;
}

int main(int argc, char **argv) {
  struct rounds rounds = rounds_begin(argc, argv, 700);
  int n = (int)rounds_argument(argc, argv, 2, 128);
  double *a = malloc(sizeof *a * n * n), *b = malloc(sizeof *b * n * n), *c = malloc(sizeof *c * n * n);
  uint64_t seed = 2;
  for (int i = 0; i < n * n; i++) {
    a[i] = rounds_uniform(&seed) - 0.5;
    b[i] = rounds_uniform(&seed) - 0.5;
  }
  double sum = 0.0;
  do {
    multiply(n, a, b, c);
    normalize(n, c);
    sum += trace(n, c);
    double *old = a;
    a = c;
    c = old;
  } while (rounds_next(&rounds));
  printf("sum of traces %a, last trace %a\n", sum, trace(n, a));
  free(a);
  free(b);
  free(c);
}
