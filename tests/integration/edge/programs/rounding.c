/* Sums, products and series whose last bits depend on the order and on each rounding; two of them in
 * loops that a pragma vectorizes, where the order is the compiler's choice, once and for all. */
#include "edge.h"

enum { COUNT = 1024 };

EDGE_KEEP double sum(const double *x, int n) {
  double s = 0;
  for (int i = 0; i < n; i++)
    s += x[i];
  return s;
}

EDGE_KEEP double dot(const double *x, const double *y, int n) {
  double s = 0;
  for (int i = 0; i < n; i++)
    s += x[i] * y[i];
  return s;
}

EDGE_KEEP float dot_of_floats(const float *x, const float *y, int n) {
  float s = 0;
  for (int i = 0; i < n; i++)
    s += x[i] * y[i];
  return s;
}

EDGE_KEEP double product(const double *x, int n) {
  double p = 1;
  for (int i = 0; i < n; i++)
    p *= 1 + x[i] * 1e-6;
  return p;
}

EDGE_KEEP double polynomial(const double *x, int n, double at) {
  double value = 0;
  for (int i = n; i-- > 0;)
    value = value * at + x[i];
  return value;
}

EDGE_KEEP double series(int n) {
  double s = 0, sign = 1;
  for (int i = 1; i <= n; i++, sign = -sign)
    s += sign / (2.0 * i - 1);
  return s;
}

EDGE_KEEP void prefix(double *out, const double *x, int n) {
  double s = 0;
  for (int i = 0; i < n; i++)
    out[i] = s += x[i] / 3;
}

EDGE_KEEP void stencil(double *restrict out, const double *restrict x, int n) {
  for (int i = 1; i < n - 1; i++)
    out[i] = x[i - 1] * 0.3 + x[i] * 0.4 + x[i + 1] * 0.3;
}

EDGE_KEEP double least(const double *x, int n) {
  double m = x[0];
  for (int i = 1; i < n; i++)
    m = x[i] < m ? x[i] : m;
  return m;
}

EDGE_KEEP double hinted_sum(const double *x, int n) {
  double s = 0;
#pragma clang loop vectorize(enable)
  for (int i = 0; i < n; i++)
    s += x[i];
  return s;
}

EDGE_KEEP double hinted_dot(const double *x, const double *y, int n) {
  double s = 0;
#pragma clang loop vectorize_width(2) interleave_count(2)
  for (int i = 0; i < n; i++)
    s += x[i] * y[i];
  return s;
}

int main(int argc, char **argv) {
  static double x[COUNT], y[COUNT], out[COUNT];
  static float u[COUNT], v[COUNT];
  for (int i = 0; i < COUNT; i++) {
    x[i] = (double)(int64_t)edge_mix((uint64_t)i) * 0x1p-60;
    y[i] = (double)(int64_t)edge_mix((uint64_t)i + COUNT) * 0x1p-61;
    u[i] = (float)x[i];
    v[i] = (float)y[i];
  }
  edge_begin(argc, argv);
  while (edge_again())
    for (int n = COUNT - 3; n <= COUNT; n++) {
      prefix(out, x, n);
      edge_say("%a %a %a %a", sum(x, n), dot(x, y, n), (double)dot_of_floats(u, v, n), product(x, n));
      edge_say("%a %a %a %a", polynomial(x, n, 0.9), series(n), out[n - 1], least(y, n));
      stencil(out, y, n);
      edge_say("%a %a %a", sum(out, n), hinted_sum(x, n), hinted_dot(x, y, n));
    }
  return edge_end(0);
}
