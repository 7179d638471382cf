/* Fast Fourier transform, radix two, in place: bit reversal, then butterflies with a table of roots of
 * unity. A round transforms a signal, damps its high frequencies and transforms it back. */
#include "rounds.h"
#include <math.h>

struct complex {
  double re, im;
};

static struct complex *roots;

void prepare(int n) {
  roots = malloc(sizeof *roots * (n / 2));
  for (int i = 0; i < n / 2; i++) {
    roots[i].re = cos(-2.0 * 3.14159265358979323846 * i / n);
    roots[i].im = sin(-2.0 * 3.14159265358979323846 * i / n);
  }
}

static void reverse_bits(struct complex *x, int n) {
  for (int i = 1, j = 0; i < n; i++) {
    int bit = n >> 1;
    for (; j & bit; bit >>= 1)
      j ^= bit;
    j ^= bit;
    if (i < j) {
      struct complex swap = x[i];
      x[i] = x[j];
      x[j] = swap;
    }
  }
}

static void butterflies(struct complex *x, int n, int length, double sign) {
  int half = length / 2, stride = n / length;
  for (int start = 0; start < n; start += length)
    for (int k = 0; k < half; k++) {
      struct complex root = roots[k * stride];
      root.im *= sign;
      struct complex *low = &x[start + k], *high = &x[start + k + half];
      double re = high->re * root.re - high->im * root.im;
      double im = high->re * root.im + high->im * root.re;
      high->re = low->re - re;
      high->im = low->im - im;
      low->re += re;
      low->im += im;
    }
}

KERNEL void transform(struct complex *x, int n, double sign) {
  reverse_bits(x, n);
  for (int length = 2; length <= n; length *= 2)
    butterflies(x, n, length, sign);
}

KERNEL void damp(struct complex *x, int n) {
  for (int i = 0; i < n; i++) {
    int frequency = i <= n / 2 ? i : n - i;
    double factor = 1.0 / (1.0 + 1e-4 * frequency) / n;
    x[i].re *= factor;
    x[i].im *= factor;
  }
}

int main(int argc, char **argv) {
  struct rounds rounds = rounds_begin(argc, argv, 15000);
  int n = (int)rounds_argument(argc, argv, 2, 4096);
  if (n < 2 || (n & (n - 1))) {
    fprintf(stderr, "%s: size %d is not a power of two\n", argv[0], n);
    return 2;
  }
  struct complex *x = malloc(sizeof *x * n);
  uint64_t seed = 5;
  prepare(n);
  for (int i = 0; i < n; i++)
    x[i] = (struct complex){rounds_uniform(&seed), 0.0};
  do {
    x[rounds.done % n].re += 1.0;
    transform(x, n, 1.0);
    damp(x, n);
    transform(x, n, -1.0);
  } while (rounds_next(&rounds));
  double sum = 0.0, power = 0.0;
  for (int i = 0; i < n; i++) {
    sum += x[i].re;
    power += x[i].re * x[i].re + x[i].im * x[i].im;
  }
  printf("sum %a power %a\n", sum, power);
  free(x);
  free(roots);
}
