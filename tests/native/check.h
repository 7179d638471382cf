/* check.h: a failed CHECK prints where and ends the test with status 1.
 *
 * So does a case that does not end: RUN gives each call its time, far more than it needs, and names
 * it when that is over. A program that is one story calls case_begin itself. Time is counted in
 * this process only: a forked child has no alarm, one that runs another program keeps it.
 */
#ifndef HALO_TESTS_CHECK_H
#define HALO_TESTS_CHECK_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CASE_LIMIT_S 50 /* below the time-outs that ctest has for whole programs */

static const char *case_name;

static inline void case_expired(int signal) {
  static const char problem[] = ": has not ended in time\n";
  (void)signal;
  if (write(STDERR_FILENO, case_name, strlen(case_name)) < 0 ||
      write(STDERR_FILENO, problem, sizeof problem - 1) < 0)
    _exit(2);
  _exit(1);
}

static inline void case_begin(const char *name) {
  case_name = name;
  signal(SIGALRM, case_expired);
  alarm(CASE_LIMIT_S);
}

/* Back to the story around it, if there is one. */
static inline void case_end(const char *outer) {
  if (outer) {
    case_begin(outer);
  } else {
    alarm(0);
    signal(SIGALRM, SIG_DFL);
    case_name = NULL;
  }
}

#define RUN(call)                                                                                            \
  do {                                                                                                       \
    const char *run_outer = case_name;                                                                       \
    case_begin(#call);                                                                                       \
    call;                                                                                                    \
    case_end(run_outer);                                                                                     \
  } while (0)

#define CHECK(condition)                                                                                     \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__, #condition);                  \
      exit(1);                                                                                               \
    }                                                                                                        \
  } while (0)

#define CHECK_EQUAL(have, want)                                                                              \
  do {                                                                                                       \
    long long check_have = (long long)(have), check_want = (long long)(want);                                \
    if (check_have != check_want) {                                                                          \
      fprintf(stderr, "%s:%d: %s: %s is %lld (0x%llx), not %lld (0x%llx)\n", __FILE__, __LINE__, __func__,   \
              #have, check_have, (unsigned long long)check_have, check_want,                                 \
              (unsigned long long)check_want);                                                               \
      exit(1);                                                                                               \
    }                                                                                                        \
  } while (0)

#endif
