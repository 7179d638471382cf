/* 16 threads in the same functions while these are patched. */
#include "edge.h"
#include <pthread.h>
#include <stdatomic.h>

#define THREADS 16

static atomic_long entered;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long guarded;

EDGE_KEEP long inner(long value, int by) { return (value ^ (value >> 7)) * 31 + by; }
EDGE_KEEP long middle(long value) {
  for (int i = 0; i < 20; i++)
    value = inner(value, i);
  atomic_fetch_add_explicit(&entered, 1, memory_order_relaxed);
  return value;
}
EDGE_KEEP void count_guarded(void) {
  pthread_mutex_lock(&lock);
  guarded++;
  pthread_mutex_unlock(&lock);
}
EDGE_KEEP static void *work(void *argument) {
  long value = *(long *)argument;
  for (int i = 0; i < 500; i++) {
    value = middle(value);
    if (i % 50 == 0)
      count_guarded();
  }
  *(long *)argument = value;
  return argument;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  while (edge_again()) {
    pthread_t threads[THREADS];
    long values[THREADS];
    guarded = 0;
    atomic_store(&entered, 0);
    for (long i = 0; i < THREADS; i++) {
      values[i] = i;
      pthread_create(&threads[i], NULL, work, &values[i]);
    }
    long sum = 0;
    for (int i = 0; i < THREADS; i++) {
      void *result;
      pthread_join(threads[i], &result);
      sum = sum * 3 + *(long *)result;
    }
    edge_say("sum %ld entered %ld guarded %ld", sum, atomic_load(&entered), guarded);
  }
  return edge_end(0);
}
