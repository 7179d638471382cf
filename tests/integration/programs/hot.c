/* Works in rounds for the milliseconds that argv[1] gives; prints the same however long. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { N = 4096 };
static int left[N], right[N];

__attribute__((noinline)) static unsigned mix(const int *a, const int *b, int rounds) {
  unsigned sum = 0;
  for (int r = 0; r < rounds; r++)
    for (int i = 0; i < N; i++)
      sum += (unsigned)(a[i] * b[i]) ^ (unsigned)(a[i] + r);
  return sum;
}

static long long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static volatile sig_atomic_t caught;
static void on_signal(int number) { caught = number; }

int main(int argc, char **argv) {
  long long end = now_ms() + (argc > 1 ? atoi(argv[1]) : 0);
  const char *ending = argc > 2 ? argv[2] : "0";
  if (!strcmp(ending, "signal"))
    signal(SIGTERM, on_signal), signal(SIGINT, on_signal);
  puts("ready");
  fflush(stdout);
  for (int i = 0; i < N; i++)
    left[i] = i * 7 + 3, right[i] = i ^ 0x55;
  unsigned first = mix(left, right, 20);
  do {
    unsigned again = mix(left, right, 20);
    if (again != first)
      return printf("changed: %u is not %u\n", again, first), 99;
  } while (now_ms() < end && !caught);
  printf("sum %u\n", first);
  if (caught)
    printf("caught %d\n", (int)caught);
  fflush(stdout);
  if (!strcmp(ending, "kill"))
    kill(getpid(), SIGTERM);
  if (!strcmp(ending, "abort"))
    abort();
  return caught ? 3 : atoi(ending);
}
