/* What the calling convention makes hard: varargs, structs returned and passed by memory, 128-bit
 * integers, long double, complex numbers, many arguments, booleans and small integers. */
#include "edge.h"
#include <complex.h>
#include <stdbool.h>

struct small { int a, b; };
struct mixed { double x; int i; };
struct large { long cells[9]; };
struct floats { float a, b, c; };
struct bits { unsigned a : 3, b : 7, c : 22; };
union either { double d; long l; };
struct empty {};

EDGE_KEEP int sum_of(int count, ...) {
  va_list list;
  va_start(list, count);
  int sum = 0;
  for (int i = 0; i < count; i++)
    sum += i % 3 == 1 ? (int)va_arg(list, double) : va_arg(list, int);
  va_end(list);
  return sum;
}
EDGE_KEEP long sum_of_list(int count, va_list list) {
  long sum = 0;
  for (int i = 0; i < count; i++)
    sum = sum * 3 + va_arg(list, struct large).cells[i % 9] + (long)va_arg(list, long double);
  return sum;
}
EDGE_KEEP long sum_of_large(int count, ...) {
  va_list list, copy;
  va_start(list, count);
  va_copy(copy, list);
  long sum = sum_of_list(count, list) - sum_of_list(count, copy) * 2;
  va_end(copy);
  va_end(list);
  return sum;
}
EDGE_KEEP struct small make_small(int a) { return (struct small){a, a * 3}; }
EDGE_KEEP struct mixed make_mixed(int a) { return (struct mixed){a * 0.25, a + 1}; }
EDGE_KEEP struct large make_large(int a) {
  struct large result;
  for (int i = 0; i < 9; i++)
    result.cells[i] = a * i + 1;
  return result;
}
EDGE_KEEP struct floats make_floats(int a) { return (struct floats){a, a + 0.5f, a * 2.0f}; }
EDGE_KEEP struct bits make_bits(int a) { return (struct bits){(unsigned)a & 7, (unsigned)a & 127, (unsigned)a & 0xFFFFF}; }
EDGE_KEEP union either make_either(int a) { return (union either){.d = a * 1.5}; }
EDGE_KEEP long take(struct small s, struct mixed m, struct large l, struct floats f, struct bits b,
                    struct empty e, union either u) {
  (void)e;
  l.cells[3] += s.a;
  return s.b + (long)(m.x * 8) + m.i + l.cells[3] + l.cells[8] + (long)(f.a + f.b * 2 + f.c) + b.a +
         b.b * 2 + b.c * 3 + (long)u.d;
}
EDGE_KEEP struct large change(struct large by_value, struct large *by_pointer) {
  by_value.cells[0]++;
  by_pointer->cells[1] += by_value.cells[0];
  struct large result = *by_pointer; /* may alias what the caller assigns to */
  result.cells[2] = by_value.cells[2] - 1;
  return result;
}
EDGE_KEEP __int128 wide(__int128 a, unsigned __int128 b) { return a * 3 + (__int128)(b / 7) - (a >> 5); }
EDGE_KEEP long double extended(long double a, int n) {
  for (int i = 1; i <= n; i++)
    a = a / 3 + 1.0L / i;
  return a;
}
EDGE_KEEP double complex turn(double complex z, float complex w) { return z * I + w; }
EDGE_KEEP long double complex turn_long(long double complex z) { return z * z - 1; }
EDGE_KEEP long many(int a, long b, short c, char d, unsigned e, bool f, long long g, double h, int i,
                    float j, long k, signed char l, double m, double n, double o, double p, double q,
                    double r, double s, __int128 t) {
  return a + b * 2 + c * 3 + d * 5 + e * 7 + f * 11 + g * 13 + (long)(h * 17) + i * 19 + (long)j * 23 +
         k * 29 + l * 31 + (long)(m + n * 2 + o * 3 + p * 4 + q * 5 + r * 6 + s * 7) + (long)t;
}
EDGE_KEEP signed char narrow(int value) { return (signed char)value; }
EDGE_KEEP unsigned short narrow_unsigned(unsigned value) { return (unsigned short)value; }
EDGE_KEEP bool odd(int value) { return value & 1; }
EDGE_KEEP int with_array(int n) { /* a variable-length array, and alloca */
  int cells[n + 1];
  char *more = __builtin_alloca((size_t)n + 1);
  for (int i = 0; i <= n; i++) {
    cells[i] = i * i;
    more[i] = (char)i;
  }
  return cells[n / 2] + more[n];
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  while (edge_again()) {
    long sum = 0;
    __int128 big = 1;
    long double x = 0;
    double complex z = 1 + 2 * I;
    long double complex w = 0.5L;
    struct large state = make_large(3);
    for (int i = 0; i < 100; i++) {
      sum = sum * 5 + sum_of(6, i, 2.5, 3, 4, i * 0.5, 6);
      sum += sum_of_large(2, make_large(i), (long double)i, make_large(i + 1), 1.5L);
      sum += take(make_small(i), make_mixed(i), make_large(i), make_floats(i), make_bits(i),
                  (struct empty){}, make_either(i));
      state = change(state, &state);
      state.cells[1] &= 0xFFFFFF;
      big = wide(big, (unsigned __int128)big * 5 + 1);
      x = extended(x + i, 9);
      z = turn(z, 0.25f + i * I) / 2;
      w = turn_long(w) / 3;
      sum += many(i, i + 1, (short)i, (char)(i & 63), 5, odd(i), 7, i * 0.5, 9, 10.0f, 11, -3, 1, 2, 3, 4, 5,
                  6, i, big & 0xFF);
      sum += narrow(i * 77) + narrow_unsigned((unsigned)i * 7777) + with_array(i & 31);
    }
    edge_say("sum %ld big %016lx%016lx", sum, (unsigned long)(big >> 64), (unsigned long)big);
    edge_say("x %La z %a %a w %La", x, creal(z), cimag(z), creall(w));
    edge_say("state %ld %ld %ld", state.cells[0], state.cells[1], state.cells[2]);
  }
  return edge_end(17);
}
