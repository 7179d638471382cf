/* Blocks all signals in all its threads, and takes the ones sent to it by sigwait and signalfd. */
#define _GNU_SOURCE
#include "work.h"
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

EDGE_KEEP static void *works(void *argument) {
  *(unsigned long *)argument = work(200);
  return NULL;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  int descriptor = signalfd(-1, &all, SFD_NONBLOCK);
  while (edge_again()) {
    unsigned long value = 0;
    pthread_t thread;
    pthread_create(&thread, NULL, works, &value);
    edge_say("%lx", work(200));
    pthread_join(thread, NULL);
    edge_say("thread %lx", value);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGTERM);
    struct signalfd_siginfo got;
    int sum = 0, count = 0;
    while (read(descriptor, &got, sizeof got) == sizeof got) {
      sum += (int)got.ssi_signo;
      count++;
    }
    edge_say("signals %d, numbers' sum %d", count, sum);
    sigset_t mask, pending;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    sigpending(&pending);
    edge_say("mask kept %d pending %d", sigismember(&mask, SIGPROF) && sigismember(&mask, SIGINT),
             sigismember(&pending, SIGUSR1));
  }
  return edge_end(0);
}
