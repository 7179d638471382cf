/* edge.h: the frame of an edge program. It repeats the same checks, round after round, for as
 * long as its first argument says (milliseconds), while its functions are being replaced.
 *
 * Every round says the same lines or the program tells which differed; only the first round's are
 * printed. So the output does not depend on how long it ran, on the clock, or on the machine.
 *
 *     int main(int argc, char **argv) {
 *       edge_begin(argc, argv);
 *       while (edge_again())
 *         edge_say("sum %d", sum(100));
 *       return edge_end(7);
 *     }
 */
#ifndef EDGE_H
#define EDGE_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A function that stays a function: it can be patched, and its callers call it. */
#define EDGE_KEEP __attribute__((noinline))

static struct {
  char first[1 << 16], now[1 << 16];
  size_t first_length, now_length;
  long rounds, differing;
  double deadline_s;
  int argc;
  char **argv;
} edge;

static inline double edge_clock_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* The argument after the duration, or `fallback`. */
static inline const char *edge_mode(const char *fallback) {
  return edge.argc > 2 ? edge.argv[2] : fallback;
}

static inline void edge_begin(int argc, char **argv) {
  edge.argc = argc;
  edge.argv = argv;
  edge.deadline_s = edge_clock_s() + (argc > 1 ? atof(argv[1]) : 0) * 1e-3;
}

static inline void edge_say(const char *format, ...) {
  va_list list;
  va_start(list, format);
  size_t room = sizeof edge.now - edge.now_length;
  int length = vsnprintf(edge.now + edge.now_length, room, format, list);
  va_end(list);
  if (length < 0 || (size_t)length + 2 > room) {
    fputs("edge.h: a round says too much\n", stderr);
    _Exit(99);
  }
  edge.now_length += (size_t)length;
  edge.now[edge.now_length++] = '\n';
}

static inline void edge_end_round(void) {
  if (edge.rounds == 1) {
    memcpy(edge.first, edge.now, edge.now_length);
    edge.first_length = edge.now_length;
  } else if (edge.now_length != edge.first_length ||
             memcmp(edge.first, edge.now, edge.now_length) != 0) {
    if (edge.differing++ == 0)
      printf("round %ld differs:\n%.*s\nfrom the first:\n", edge.rounds, (int)edge.now_length,
             edge.now);
  }
  edge.now_length = 0;
}

/* Begins a round; false when there has been at least one and the time is over. */
static inline int edge_again(void) {
  if (edge.rounds > 0) {
    edge_end_round();
    if (edge_clock_s() >= edge.deadline_s)
      return 0;
  }
  edge.rounds++;
  return 1;
}

/* Prints what the rounds said; gives `status`, or 98 if rounds differed. */
static inline int edge_end(int status) {
  fwrite(edge.first, 1, edge.first_length, stdout);
  printf(edge.differing ? "rounds differ\n" : "rounds agree\n");
  fflush(stdout);
  return edge.differing ? 98 : status;
}

/* A cheap, well-mixed sequence for test data. */
static inline uint64_t edge_mix(uint64_t value) {
  value += 0x9E3779B97F4A7C15u;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
  return value ^ (value >> 31);
}

#endif
