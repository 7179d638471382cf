/* A child of fork without exec goes on with the program's work for as long as its parent did:
 * through functions that are patched in the parent, with threads of its own. */
#include "work.h"
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

EDGE_KEEP static void *in_thread(void *argument) {
  *(unsigned long *)argument = work(100);
  return NULL;
}
EDGE_KEEP int child(int milliseconds) {
  unsigned long expected = work(100);
  double end = edge_clock_s() + milliseconds * 1e-3;
  int wrong = 0;
  do {
    pthread_t thread;
    unsigned long got = 0;
    pthread_create(&thread, NULL, in_thread, &got);
    wrong += work(100) != expected;
    pthread_join(thread, NULL);
    wrong += got != expected;
  } while (edge_clock_s() < end);
  return wrong > 100 ? 100 : wrong;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  while (edge_again())
    edge_say("%lx", work(300));
  int status = edge_end(5);
  pid_t first = fork();
  if (first == 0)
    _exit(child(argc > 1 ? atoi(argv[1]) / 2 : 0));
  work(1000);
  int ended = 0;
  waitpid(first, &ended, 0);
  printf("child ended with %d\n", ended);
  fflush(stdout);
  pid_t second = fork();
  if (second == 0) { /* ends as an ordinary program does */
    printf("second child %lx\n", work(50));
    exit(0);
  }
  waitpid(second, &ended, 0);
  printf("second ended with %d\n", ended);
  return status;
}
