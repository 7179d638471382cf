/* One kernel, two kinds of input that alternate: rows of 7 numbers, and rows of 1792. Code with wide vectors
 * that does many at once wins on long rows and never gets to run on short ones, where narrow vectors win.
 * `phases SECONDS [PERIOD_MS]` changes the input each period (10 s by default); laps say which phase they
 * belong to. A round works on the same number of elements in both phases. What is printed does not depend on
 * how many rounds there were: each must compute the same. */
#include "rounds.h"

enum { SHORT_ROW = 7, LONG_ROW = 1792, ELEMENTS = 1792, PASSES = 40 };

static float before[ELEMENTS], after[ELEMENTS], gain[ELEMENTS];

/* A step of a filter over rows that do not touch each other. */
KERNEL void filter(int rows, int length, float rate, const float *restrict in, const float *restrict weight,
                   float *restrict out) {
  for (int row = 0; row < rows; row++) {
    const float *from = in + (size_t)row * length, *by = weight + (size_t)row * length;
    float *to = out + (size_t)row * length;
    for (int i = 0; i < length; i++) {
      float x = from[i] - to[i];
      to[i] = by[i] + x * (rate + x * (0.25F + x * (0.125F - x * 0.0625F)));
    }
  }
}

static double work(int length) {
  for (int i = 0; i < ELEMENTS; i++)
    after[i] = 0.0F;
  for (int pass = 0; pass < PASSES; pass++)
    filter(ELEMENTS / length, length, 0.01F * (float)pass, before, gain, after);
  double sum = 0.0;
  for (int i = 0; i < ELEMENTS; i += 61)
    sum += after[i];
  return sum;
}

static void lap(const char *phase, double at_s, long rounds, double lap_s, double lap_cpu_s, long lap_rounds) {
  fprintf(stderr, "at_s=%.3f rounds=%ld per_s=%.2f per_cpu_s=%.2f phase=%s\n", at_s, rounds, (double)lap_rounds / lap_s,
          (double)lap_rounds / lap_cpu_s, phase);
}

int main(int argc, char **argv) {
  long seconds = rounds_argument(argc, argv, 1, 40), period_ms = rounds_argument(argc, argv, 2, 10000);
  uint64_t seed = 7;
  for (int i = 0; i < ELEMENTS; i++) {
    before[i] = (float)rounds_uniform(&seed);
    gain[i] = (float)rounds_uniform(&seed);
  }
  double expected[2] = {work(SHORT_ROW), work(LONG_ROW)};
  int64_t start_ns = rounds_now_ns(CLOCK_MONOTONIC), lap_ns = start_ns, end_ns = start_ns + seconds * 1000000000;
  int64_t lap_cpu_ns = rounds_now_ns(CLOCK_THREAD_CPUTIME_ID);
  long rounds = 0, lap_first = 0, wrong = 0;
  int is_long = 0;
  for (int64_t now = start_ns; now < end_ns;) {
    wrong += work(is_long ? LONG_ROW : SHORT_ROW) != expected[is_long];
    rounds++;
    now = rounds_now_ns(CLOCK_MONOTONIC);
    int next = (int)((now - start_ns) / 1000000 / period_ms % 2);
    if (now - lap_ns >= ROUNDS_LAP_NS || next != is_long || now >= end_ns) {
      int64_t cpu_ns = rounds_now_ns(CLOCK_THREAD_CPUTIME_ID);
      lap(is_long ? "long" : "short", (double)(now - start_ns) * 1e-9, rounds, (double)(now - lap_ns) * 1e-9,
          (double)(cpu_ns - lap_cpu_ns) * 1e-9, rounds - lap_first);
      lap_ns = now;
      lap_cpu_ns = cpu_ns;
      lap_first = rounds;
      is_long = next;
    }
  }
  printf("short %a long %a, %ld wrong\n", expected[0], expected[1], wrong);
  return wrong != 0;
}
