/* Threads whose functions are entered once, with all their work in loops of their own. */
#include "edge.h"
#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 3, ITEMS = 2000 };
struct job {
  int number;
  uint64_t digest;
  unsigned bits;
};
static atomic_int stop;
static _Thread_local uint64_t mine;

static void *work(void *argument) {
  struct job *job = argument;
  mine = (uint64_t)job->number;
  unsigned bits = 0;
  for (int i = 0; i < ITEMS; i++) {
    mine = edge_mix(mine + (uint64_t)i);
    for (uint64_t rest = mine; rest; rest &= rest - 1)
      bits++;
  }
  job->digest = mine;
  job->bits = bits;
  return job;
}

static void *spin(void *argument) {
  uint64_t *count = argument;
  while (!atomic_load_explicit(&stop, memory_order_relaxed))
    *count = edge_mix(*count) | 1;
  return argument;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  pthread_t spinner;
  uint64_t spun = 0;
  pthread_create(&spinner, NULL, spin, &spun);
  while (edge_again()) {
    pthread_t threads[THREADS];
    struct job jobs[THREADS];
    for (int i = 0; i < THREADS; i++) {
      jobs[i] = (struct job){i, 0, 0};
      pthread_create(&threads[i], NULL, work, &jobs[i]);
    }
    for (int i = 0; i < THREADS; i++) {
      pthread_join(threads[i], NULL);
      edge_say("%d: %llu %u", i, (unsigned long long)jobs[i].digest, jobs[i].bits);
    }
  }
  atomic_store(&stop, 1);
  pthread_join(spinner, NULL);
  return edge_end(spun != 0 ? 0 : 1);
}
