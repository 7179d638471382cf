/* What every benchmark program shares: its arguments, its clock and its random numbers.
 *
 * A program does the same work in every round: `PROGRAM [ROUNDS [SIZE]]`. Results go to stdout and are
 * the same for every build, to the last bit. Speed goes to stderr, one line about each quarter of a
 * second and one at the end, as `key=value` words: how it rose while the program ran can be read there.
 * Speed is given by the clock and by the processor time of the thread that works, which other processes
 * disturb less.
 */
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A kernel is entered anew in every round. Without this the optimizer may move it into main, where it would
 * be one loop that is entered once. */
#define KERNEL __attribute__((noinline))

enum { ROUNDS_LAP_NS = 250000000 };

struct rounds {
  long wanted;
  long done;
  long lap_first; /* rounds done when the lap began */
  int64_t start_ns, lap_ns, lap_cpu_ns;
};

static inline int64_t rounds_now_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* The positional argument, or the default when it was not given. Exits with 2 when it is no positive number. */
static inline long rounds_argument(int argc, char **argv, int index, long standard) {
  if (index >= argc)
    return standard;
  char *end;
  long value = strtol(argv[index], &end, 10);
  if (*end || end == argv[index] || value <= 0) {
    fprintf(stderr, "%s: \"%s\" is not a positive number. Usage: %s [ROUNDS [SIZE]]\n", argv[0], argv[index], argv[0]);
    exit(2);
  }
  return value;
}

static inline struct rounds rounds_begin(int argc, char **argv, long standard) {
  struct rounds r = {rounds_argument(argc, argv, 1, standard), 0, 0, 0, 0, 0};
  r.start_ns = r.lap_ns = rounds_now_ns(CLOCK_MONOTONIC);
  r.lap_cpu_ns = rounds_now_ns(CLOCK_THREAD_CPUTIME_ID);
  return r;
}

/* Ends a round; says how fast the last ones were when the lap is over. False after the last round. */
static inline int rounds_next(struct rounds *r) {
  int64_t now = rounds_now_ns(CLOCK_MONOTONIC);
  r->done++;
  int last = r->done >= r->wanted;
  if (now - r->lap_ns >= ROUNDS_LAP_NS || last) {
    int64_t cpu_ns = rounds_now_ns(CLOCK_THREAD_CPUTIME_ID);
    double lap_cpu_s = (double)(cpu_ns - r->lap_cpu_ns) * 1e-9, rounds = (double)(r->done - r->lap_first);
    double lap_s = (double)(now - r->lap_ns) * 1e-9, at_s = (double)(now - r->start_ns) * 1e-9;
    fprintf(stderr, "at_s=%.3f rounds=%ld per_s=%.2f per_cpu_s=%.2f\n", at_s, r->done, rounds / lap_s,
            rounds / lap_cpu_s);
    r->lap_ns = now;
    r->lap_cpu_ns = cpu_ns;
    r->lap_first = r->done;
  }
  return !last;
}

/* SplitMix64 (Steele, Lea, Flood 2014): the same numbers everywhere. */
static inline uint64_t rounds_random(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* In [0, 1). */
static inline double rounds_uniform(uint64_t *state) { return (double)(rounds_random(state) >> 11) * 0x1p-53; }

#endif
