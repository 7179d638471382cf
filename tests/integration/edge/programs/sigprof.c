/* Owns SIGPROF, SIGVTALRM, SIGALRM and the real-time signals: its handlers run, its masks hold,
 * nothing of Halo arrives at them. */
#include "work.h"
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

static volatile sig_atomic_t profiled, alarmed, realtime, strange;

EDGE_KEEP static void on_signal(int number, siginfo_t *info, void *context) {
  (void)context;
  if (number == SIGPROF)
    profiled++;
  else if (number == SIGALRM)
    alarmed++;
  else if (info->si_code == SI_QUEUE)
    realtime++;
  else
    strange++;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(SIGPROF, &action, NULL);
  sigaction(SIGALRM, &action, NULL);
  sigaction(SIGVTALRM, &action, NULL);
  int first = SIGRTMIN, last = SIGRTMAX, taken = 0;
  for (int i = first; i <= last; i++)
    taken += sigaction(i, &action, NULL) == 0;
  printf("real-time signals taken: %d of %d\n", taken, last - first + 1);
  struct itimerval timer = {{0, 2000}, {0, 2000}};
  setitimer(ITIMER_PROF, &timer, NULL);
  setitimer(ITIMER_REAL, &timer, NULL);
  while (edge_again()) {
    edge_say("%lx", work(300));
    int before = realtime;
    for (int i = 0; i < 5; i++)
      sigqueue(getpid(), first + i, (union sigval){.sival_int = i});
    edge_say("queued %d", realtime - before);
  }
  while (profiled < 3 || alarmed < 3)
    work(100);
  struct itimerval none = {{0, 0}, {0, 0}};
  setitimer(ITIMER_PROF, &none, NULL);
  setitimer(ITIMER_REAL, &none, NULL);
  struct sigaction now;
  sigaction(SIGPROF, NULL, &now);
  printf("handler kept: %d, strange: %d\n", now.sa_sigaction == on_signal, (int)strange);
  return edge_end(0);
}
