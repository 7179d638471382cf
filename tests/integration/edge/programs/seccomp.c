/* Puts its own thread under seccomp after it has been tuned for a while: strict, or a filter that
 * kills the process at anything but write and exit. */
#define _GNU_SOURCE
#include "work.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

EDGE_KEEP int lock_up(const char *mode) {
  if (strcmp(mode, "strict") == 0)
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {sizeof code / sizeof *code, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return -1;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  while (edge_again())
    edge_say("before %lx", work(300));
  edge_end(0);
  const int locked = lock_up(edge_mode("strict"));
  unsigned long expected = work(300), wrong = 0;
  int rounds = argc > 1 ? atoi(argv[1]) : 0; /* no clock in here: a count */
  for (int i = 0; i < rounds * 20; i++)
    wrong += work(300) != expected;
  char line[64];
  int length = snprintf(line, sizeof line, "locked %d wrong %lu\n", locked, wrong);
  if (write(1, line, (size_t)length) != length)
    work(1);
  syscall(SYS_exit, 14); /* the thread's: exit_group is not allowed */
}
