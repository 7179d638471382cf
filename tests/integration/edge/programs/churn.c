/* Threads that come and go all the time, some detached, some ended by pthread_exit or cancelled,
 * while the process is sampled. */
#include "edge.h"
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_int detached_left;

EDGE_KEEP long work(long value, int rounds) {
  for (int i = 0; i < rounds; i++)
    value = (long)edge_mix((uint64_t)value);
  return value;
}
EDGE_KEEP static void *returns(void *argument) { return (void *)work((long)argument, 100); }
EDGE_KEEP static void *exits(void *argument) { pthread_exit((void *)work((long)argument, 50)); }
EDGE_KEEP static void *lingers(void *argument) {
  (void)argument;
  for (;;) {
    work(1, 10);
    pthread_testcancel();
  }
}
EDGE_KEEP static void *leaves(void *argument) {
  work((long)argument, 20);
  atomic_fetch_sub(&detached_left, 1);
  return NULL;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  while (edge_again()) {
    unsigned long sum = 0;
    for (long i = 0; i < 20; i++) {
      pthread_t first, second, third, fourth;
      void *result;
      atomic_fetch_add(&detached_left, 1);
      pthread_create(&first, NULL, returns, (void *)i);
      pthread_create(&second, NULL, exits, (void *)i);
      pthread_create(&third, NULL, lingers, NULL);
      pthread_create(&fourth, NULL, leaves, (void *)i);
      pthread_detach(fourth);
      pthread_cancel(third);
      pthread_join(first, &result);
      sum = sum * 3 + (unsigned long)result;
      pthread_join(second, &result);
      sum = sum * 3 + (unsigned long)result;
      pthread_join(third, &result);
      sum += result == PTHREAD_CANCELED;
    }
    edge_say("sum %lx", sum);
  }
  while (atomic_load(&detached_left) > 0)
    sched_yield();
  return edge_end(0);
}
