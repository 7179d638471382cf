/* 16 threads that start once and stay in the same functions until the end; some are always inside
 * a variant that is being replaced, some sleep inside one. */
#include "edge.h"
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define THREADS 16

static atomic_int is_over;
static atomic_long wrong;

EDGE_KEEP long spin(long value) {
  for (int i = 0; i < 200; i++)
    value = value * 6364136223846793005L + 1442695040888963407L;
  return value;
}
EDGE_KEEP long nap(long value) {
  usleep(500);
  return spin(value);
}
EDGE_KEEP static void *stay(void *argument) {
  long number = (long)argument, expected = spin(number);
  while (!atomic_load(&is_over)) {
    long got = number % 4 == 0 ? nap(number) : spin(number);
    if (got != expected)
      atomic_fetch_add(&wrong, 1);
    if (number % 4)
      sched_yield();
  }
  return NULL;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  pthread_t threads[THREADS];
  for (long i = 0; i < THREADS; i++)
    pthread_create(&threads[i], NULL, stay, (void *)i);
  while (edge_again())
    edge_say("%ld", spin(nap(99)));
  atomic_store(&is_over, 1);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  printf("wrong %ld\n", atomic_load(&wrong));
  return edge_end(0);
}
