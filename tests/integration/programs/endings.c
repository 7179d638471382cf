/* Ends in the way that argv[1] names, when a line comes. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *leave(void *status) { exit((int)(long)status); }

/* A child that libc does not know of ends in order; the parent does not. */
static void end_child(void) {
  long child = syscall(SYS_fork);
  if (child == 0)
    exit(0);
  waitpid((pid_t)child, NULL, 0);
  child = fork();
  if (child == 0)
    exit(0);
  waitpid((pid_t)child, NULL, 0);
  raise(SIGKILL);
}

int main(int argc, char **argv) {
  const char *how = argc > 1 ? argv[1] : "";
  char line[16];
  pthread_t thread;
  puts("ready");
  fflush(stdout);
  if (!fgets(line, sizeof line, stdin))
    return 99;
  if (!strcmp(how, "exit"))
    exit(3);
  if (!strcmp(how, "thread") && pthread_create(&thread, NULL, leave, (void *)4L) == 0)
    pthread_join(thread, NULL);
  if (!strcmp(how, "_exit"))
    _exit(5);
  if (!strcmp(how, "abort"))
    abort();
  if (!strcmp(how, "kill"))
    raise(SIGKILL);
  if (!strcmp(how, "fault"))
    *(volatile int *)8 = 1;
  if (!strcmp(how, "child"))
    end_child();
  if (!strcmp(how, "exec"))
    execl("/bin/sleep", "sleep", "30", (char *)NULL);
  return 0;
}
