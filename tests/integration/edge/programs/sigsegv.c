/* Owns SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGTRAP: a write barrier by mprotect, a trap that it
 * steps over, a division it repairs by siglongjmp, an alternate stack that catches an overflow. */
#define _GNU_SOURCE
#include "work.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

static char *page;
static volatile sig_atomic_t faults;
static sigjmp_buf back;
static char stack[1 << 16];

EDGE_KEEP static void on_fault(int number, siginfo_t *info, void *context) {
  (void)context;
  if (number == SIGSEGV && (char *)info->si_addr >= page && (char *)info->si_addr < page + 4096) {
    faults++;
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
    return;
  }
  siglongjmp(back, number);
}
EDGE_KEEP void store(int index, char value) { ((volatile char *)page)[index] = value; }
EDGE_KEEP int divide(int a, volatile int *b) { return a / *b; }
EDGE_KEEP int overflow(volatile char *above) {
  volatile char here[4096];
  here[0] = above ? (char)(above[0] + 1) : 0;
  return overflow(here) + here[0];
}
EDGE_KEEP int attempt(int kind) {
  volatile int zero = 0;
  int number = sigsetjmp(back, 1);
  if (number != 0)
    return number;
  switch (kind) {
  case 0:
    return divide(kind + 5, &zero);
  case 1:
    __builtin_trap();
  case 2:
    return overflow(NULL);
  default:
    return *(volatile int *)16;
  }
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&alternate, NULL);
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  for (int i = 0; i < 5; i++)
    sigaction(numbers[i], &action, NULL);
  page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  while (edge_again()) {
    faults = 0;
    for (int i = 0; i < 20; i++) {
      mprotect(page, 4096, PROT_READ);
      store(i, (char)i);
      store(i + 1, 1);
    }
    edge_say("faults %d", (int)faults);
    edge_say("signals %d %d %d %d", attempt(0), attempt(1), attempt(2), attempt(3));
    edge_say("%lx", work(50));
  }
  return edge_end(0);
}
