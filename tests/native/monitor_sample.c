/* Sampling: which function the processor is in, who called it, on every thread, new ones too; by
 * the sampler that the first argument names. The program's signals stay its own. */
#include "monitor_controller.h"
#include "monitor_patchable.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

PATCHABLE(plain_entry, PLAIN, 1);
BITCODE;
SYMBOL(1, 0, "plain_entry");

static atomic_bool is_over;
static volatile uint64_t sink;

__attribute__((noinline)) static void busy(void) {
  for (int i = 0; i < 100000; i++)
    sink += (uint64_t)i;
}
__attribute__((noinline)) static void calls_busy(void) {
  while (!atomic_load(&is_over)) {
    errno = 77;
    busy();
    CHECK_EQUAL(errno, 77);
  }
}
static void *thread(void *context) {
  (void)context;
  calls_busy();
  return NULL;
}

/* Threads that live for a few milliseconds each. */
static void *short_thread(void *context) {
  (void)context;
  for (int i = 0; i < 20; i++)
    busy();
  return NULL;
}
static void *makes_threads(void *context) {
  (void)context;
  while (!atomic_load(&is_over)) {
    pthread_t made;
    CHECK(pthread_create(&made, NULL, short_thread, NULL) == 0);
    pthread_join(made, NULL);
  }
  return NULL;
}

struct counts {
  uint64_t all, in_busy, below_calls_busy, from_short, lost;
};

/* The start of a function, as samples name it. */
#define START(function) ((uint64_t)(uintptr_t)(function))

static void read_samples(struct controller *controller, struct counts *counts) {
  struct halo_reader in = controller_expect(controller, "halo_sample_read", NULL);
  CHECK(halo_read_u64(&in) && halo_read_u64(&in) && halo_read_u64(&in) && halo_read_u64(&in));
  counts->lost += halo_read_u64(&in);
  uint64_t stacks = halo_read_count(&in, 12);
  for (uint64_t i = 0; i < stacks; i++) {
    uint32_t count = halo_read_u32(&in);
    uint64_t depth = halo_read_count(&in, 8);
    CHECK(depth > 0);
    uint64_t frames[64] = {0};
    for (uint64_t j = 0; j < depth; j++)
      frames[j] = halo_read_u64(&in);
    counts->all += count;
    if (frames[0] == START(busy)) {
      counts->in_busy += count;
      if (frames[1] == START(calls_busy))
        counts->below_calls_busy += count;
      if (frames[1] == START(short_thread))
        counts->from_short += count;
    }
  }
  CHECK(!in.is_bad);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  setenv("HALO_SAMPLER", argv[1], 1);
  controller_begin(argv);
  struct controller controller;
  controller_accept(&controller);
  pthread_t early, maker;
  CHECK(pthread_create(&early, NULL, thread, NULL) == 0);
  CHECK(pthread_create(&maker, NULL, makes_threads, NULL) == 0);

  struct halo_writer out = {0};
  halo_write_u32(&out, 500);
  struct halo_reader in = controller_expect(&controller, "halo_sample_start", &out);
  struct halo_view used = halo_read_bytes(&in);
  CHECK(used.bytes == strlen(argv[1]) && !memcmp(used.data, argv[1], used.bytes));
  pthread_t late;
  CHECK(pthread_create(&late, NULL, thread, NULL) == 0);

  struct counts counts = {0};
  while (counts.in_busy < 300 || counts.below_calls_busy < 100)
    read_samples(&controller, &counts);
  CHECK(counts.in_busy * 10 > counts.all * 5);
  /* Short threads are met by every inherited event; timers meet those that a listing met. */
  while (!strcmp(argv[1], "perf") && counts.from_short < 20)
    read_samples(&controller, &counts);

  in = controller_expect(&controller, "halo_sample_stop", NULL);
  CHECK(halo_read_u64(&in) >= counts.all);
  for (int number = 1; number <= 64; number++) { /* no handler was left behind */
    struct sigaction now;
    if (number != SIGALRM /* check.h's */ && sigaction(number, NULL, &now) == 0)
      CHECK(now.sa_handler == SIG_DFL);
  }
  atomic_store(&is_over, true);
  pthread_join(early, NULL);
  pthread_join(late, NULL);
  pthread_join(maker, NULL);
  return 0;
}
