/* Owns SIGCHLD, or ignores it: every child of its own is seen exactly once, none of Halo's is. */
#include "work.h"
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t reaped, strange;
static volatile pid_t expected;

EDGE_KEEP static void on_child(int number) {
  (void)number;
  int saved = errno, status;
  pid_t child;
  while ((child = waitpid(-1, &status, WNOHANG)) > 0) {
    if (child != expected || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
      strange++;
    reaped++;
  }
  errno = saved;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  int ignores = strcmp(edge_mode("handles"), "ignores") == 0;
  struct sigaction action = {.sa_handler = ignores ? SIG_IGN : on_child};
  sigaction(SIGCHLD, &action, NULL);
  sigset_t only, old;
  sigemptyset(&only);
  sigaddset(&only, SIGCHLD);
  while (edge_again()) {
    edge_say("%lx", work(200));
    reaped = 0;
    sigprocmask(SIG_BLOCK, &only, &old);
    pid_t child = fork();
    if (child == 0) {
      sigprocmask(SIG_SETMASK, &old, NULL);
      work(2);
      _exit(7);
    }
    expected = child;
    while (!ignores && reaped == 0)
      sigsuspend(&old);
    sigprocmask(SIG_SETMASK, &old, NULL);
    edge_say("reaped %d strange %d", (int)reaped, (int)strange);
    int status;
    pid_t none = waitpid(-1, &status, 0);
    edge_say("none left %d", none == -1 && errno == ECHILD);
  }
  return edge_end(0);
}
