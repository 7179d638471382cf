/* daemon(): the process that was tuned ends, its child goes on without a terminal. */
#define _DEFAULT_SOURCE
#include "work.h"
#include <unistd.h>

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  while (edge_again())
    edge_say("before %lx", work(300));
  edge_end(0);
  if (daemon(1, 1) != 0)
    return 1;
  printf("after %lx, child of init or a reaper: %d\n", work(300), getsid(0) != getpid());
  fflush(stdout);
  return 9; /* nobody sees it */
}
