/* fork with and without exec, vfork, grandchildren: each child computes in functions that its
 * parent had patched, and ends in its own way; the parent goes on being tuned. */
#define _GNU_SOURCE
#include "work.h"
#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

EDGE_KEEP int ended(pid_t child) {
  int status = 0;
  pid_t got;
  do
    got = waitpid(child, &status, 0);
  while (got < 0 && errno == EINTR);
  if (got != child)
    return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}
EDGE_KEEP int child_value(int rounds) { return (int)(work(rounds) & 0x7F); }
EDGE_KEEP int plain_fork(int rounds) {
  pid_t child = fork();
  if (child == 0)
    _exit(child_value(rounds));
  return ended(child);
}
EDGE_KEEP int fork_twice(int rounds) {
  pid_t child = fork();
  if (child == 0) {
    int inner = plain_fork(rounds + 1);
    _exit((inner + child_value(rounds)) & 0x7F);
  }
  return ended(child);
}
EDGE_KEEP int fork_killed(void) {
  pid_t child = fork();
  if (child == 0) {
    work(3);
    raise(SIGKILL);
  }
  return ended(child);
}
EDGE_KEEP int through_pipe(int rounds) {
  int ends[2], value = -1;
  if (pipe(ends) != 0)
    return -2;
  pid_t child = fork();
  if (child == 0) {
    value = child_value(rounds) * 3;
    ssize_t sent = write(ends[1], &value, sizeof value);
    _exit(sent == sizeof value ? 0 : 1);
  }
  ssize_t got = read(ends[0], &value, sizeof value);
  close(ends[0]);
  close(ends[1]);
  return got == sizeof value && ended(child) == 0 ? value : -1;
}
EDGE_KEEP int run_self(char *mode) {
  char *arguments[] = {edge.argv[0], (char *)"0", mode, NULL};
  pid_t child = -1;
  if (strcmp(mode, "vforked") == 0) {
    child = vfork();
    if (child == 0) {
      execv("/proc/self/exe", arguments);
      _exit(127);
    }
  } else if (strcmp(mode, "forked") == 0) {
    child = fork();
    if (child == 0) {
      work(5);
      execv("/proc/self/exe", arguments);
      _exit(127);
    }
  } else if (posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, environ) != 0)
    return -1;
  return ended(child);
}
EDGE_KEEP int vfork_only(void) {
  pid_t child = vfork();
  if (child == 0)
    _exit(33);
  return ended(child);
}
EDGE_KEEP int run_shell(void) { return WEXITSTATUS(system("exit 21")); }

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  if (argc > 2) /* the child that was executed */
    return child_value(10) ^ (int)strlen(edge_mode(""));
  while (edge_again()) {
    edge_say("work %lx", work(200));
    edge_say("forks %d %d %d", plain_fork(20), fork_twice(30), fork_killed());
    edge_say("pipe %d", through_pipe(40));
    edge_say("executed %d %d %d", run_self((char *)"forked"), run_self((char *)"vforked"),
             run_self((char *)"spawned"));
    edge_say("vfork %d shell %d", vfork_only(), run_shell());
    edge_say("state %lx", work_state);
  }
  return edge_end(0);
}
