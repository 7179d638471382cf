/* Vectors by value, 128, 256 and 512 bits wide: the convention depends on the features that the
 * function was compiled for, which a variant must keep. */
#include "edge.h"
#pragma clang diagnostic ignored "-Wpsabi"

typedef float f4 __attribute__((vector_size(16)));
typedef double d4 __attribute__((vector_size(32)));
typedef int i8 __attribute__((vector_size(32)));
typedef int i16 __attribute__((vector_size(64)));
typedef char c3 __attribute__((ext_vector_type(3)));
struct pair { d4 a, b; };

EDGE_KEEP f4 scale4(f4 v, float by) { return v * by + 1.0f; }
EDGE_KEEP d4 scale(d4 v, d4 w) { return v * 0.5 + w; }
EDGE_KEEP i8 mix(i8 v, int by) { return (v ^ by) + (v << 3); }
EDGE_KEEP i16 mix16(i16 v, i16 w) { return v * 3 + w; }
EDGE_KEEP c3 small(c3 v) { return v + (c3){1, 2, 3}; }
EDGE_KEEP struct pair pairs(struct pair p) { return (struct pair){p.b - p.a, p.a + p.b}; }
EDGE_KEEP int total(i8 v) {
  int sum = 0;
  for (int i = 0; i < 8; i++)
    sum += v[i];
  return sum;
}
EDGE_KEEP double dot(const double *a, const double *b, int n) {
  double sum = 0; /* strict order: no re-association, no fusing unless the target had it */
  for (int i = 0; i < n; i++)
    sum += a[i] * b[i];
  return sum;
}
EDGE_KEEP void saxpy(float *y, const float *x, float a, int n) {
  for (int i = 0; i < n; i++)
    y[i] = a * x[i] + y[i];
}
__attribute__((target("avx2"))) EDGE_KEEP void avx2_only(int *out, const int *in) {
  i8 v = *(const i8 *)in;
  *(i8 *)out = v * v + 5;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  static double a[256], b[256];
  static float x[256], y[256];
  static int in[8] __attribute__((aligned(32))) = {1, 2, 3, 4, 5, 6, 7, 8};
  static int out[8] __attribute__((aligned(32)));
  while (edge_again()) {
    f4 v4 = {1, 2, 3, 4};
    d4 v = {1, 2, 3, 4};
    i8 w = {1, 2, 3, 4, 5, 6, 7, 8};
    i16 w16 = {1, 2, 3, 4, 5, 6, 7, 8};
    c3 c = {0};
    struct pair p = {v, v * 2};
    for (int i = 0; i < 256; i++) {
      a[i] = (double)(int)(edge_mix((uint64_t)i) & 0xFFFF) / 7;
      b[i] = (double)(int)(edge_mix((uint64_t)i + 999) & 0xFFFF) / 3;
      x[i] = (float)a[i];
      y[i] = (float)b[i];
    }
    int sum = 0;
    for (int i = 0; i < 200; i++) {
      v4 = scale4(v4, 0.75f);
      v = scale(v, (d4){i, 1, 2, 0.25});
      w = mix(w, i);
      w16 = mix16(w16, w16 >> 1);
      c = small(c);
      p = pairs(p);
      p.a *= 0.25;
      p.b *= 0.5;
      sum = sum * 3 + total(w) + c.y;
      saxpy(y, x, 0.001f, 256);
      if (__builtin_cpu_supports("avx2"))
        avx2_only(out, in);
    }
    edge_say("%a %a %a %d %d", (double)v4[2], v[0], v[3], w[5], w16[15]);
    edge_say("%a %a %d", p.a[1], p.b[2], sum);
    edge_say("%a %a", dot(a, b, 256), (double)y[77]);
  }
  return edge_end(0);
}
