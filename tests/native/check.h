/* check.h: a failed CHECK prints where and ends the test with status 1. */
#ifndef HALO_TESTS_CHECK_H
#define HALO_TESTS_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
