/* Gives up root after the start: for good, or for a while and back. */
#define _GNU_SOURCE
#include "work.h"
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>

EDGE_KEEP int become(uid_t user) {
  return setgroups(0, NULL) | setresgid(user, user, user) | setresuid(user, user, user);
}
EDGE_KEEP static void *who(void *argument) {
  *(int *)argument = (int)geteuid();
  work(20);
  return NULL;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  const char *mode = edge_mode("setuid");
  long limit_ms = argc > 1 ? atol(argv[1]) : 0;
  double half = edge_clock_s() + (double)limit_ms * 5e-4;
  unsigned long expected = work(100), wrong = 0;
  do /* still root */
    wrong += work(100) != expected;
  while (edge_clock_s() < half);
  printf("as root: wrong %lu\n", wrong);
  if (strcmp(mode, "setuid") == 0)
    printf("became %d\n", become(65534));
  else if (strcmp(mode, "dumpable") == 0)
    printf("became %d\n", become(65534) | prctl(PR_SET_DUMPABLE, 0));
  while (edge_again()) {
    if (strcmp(mode, "seteuid") == 0)
      edge_say("effective %d", seteuid(65534));
    pthread_t thread;
    int user = -1;
    pthread_create(&thread, NULL, who, &user);
    edge_say("work %lx", work(200));
    pthread_join(thread, NULL);
    edge_say("users %d %d %d", (int)getuid(), (int)geteuid(), user);
    int secret = open("/etc/shadow", O_RDONLY);
    edge_say("secret %d", secret >= 0);
    if (secret >= 0)
      close(secret);
    if (strcmp(mode, "seteuid") == 0)
      edge_say("back %d", seteuid(0));
  }
  return edge_end(0);
}
