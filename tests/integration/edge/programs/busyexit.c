/* Ends while other threads are in the middle of patched functions. */
#include "work.h"
#include <pthread.h>
#include <unistd.h>

EDGE_KEEP static void *forever(void *argument) {
  for (;;)
    work_step((unsigned long)argument, 3);
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  pthread_t thread;
  for (long i = 0; i < 3; i++)
    pthread_create(&thread, NULL, forever, (void *)i);
  while (edge_again())
    edge_say("%lx", work(100));
  int status = edge_end(12);
  if (strcmp(edge_mode(""), "exit_group") == 0)
    _exit(status + 1);
  return status;
}
