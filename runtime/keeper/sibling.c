/* keeper/sibling.c: see sibling.h and halo/keeper.h. */
#include "sibling.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LIFTED_TOP 4096
#define LIFTED 16 /* the last so many numbers below the top */

static int reports = -1;

void halo_keeper_attach(int to) { reports = halo_keeper_lift(to); }

/* Programs close and replace what they think is theirs: all from 3 on, or up to the usual limit.
 * Higher numbers make forks dearer, as these copy the table up to its last entry. */
int halo_keeper_lift(int fd) {
  struct rlimit limit;
  rlim_t top = LIFTED_TOP;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < top)
    top = limit.rlim_cur;
  int lifted = top > LIFTED ? fcntl(fd, F_DUPFD_CLOEXEC, (int)top - LIFTED) : -1;
  if (lifted < 0)
    return fd;
  close(fd);
  return lifted;
}

long halo_keeper_fork(bool is_sibling, int *pidfd) {
  /* As fork does in libc: raise() and locks that know their owner use the thread id that libc keeps
   * in memory, and the kernel forgets the list of robust locks. */
  int *thread_id = NULL;
  void *robust_locks = NULL;
  size_t robust_bytes = 0;
  prctl(PR_GET_TID_ADDRESS, &thread_id);
  syscall(SYS_get_robust_list, 0, &robust_locks, &robust_bytes);
  pid_t parent = is_sibling ? getppid() : getpid();
  struct clone_args how = {
      .flags = CLONE_PIDFD | (is_sibling ? CLONE_PARENT : 0) |
               (thread_id ? CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID : 0),
      .pidfd = (uint64_t)(uintptr_t)pidfd,
      .child_tid = (uint64_t)(uintptr_t)thread_id,
      .exit_signal = is_sibling ? 0 : SIGCHLD, /* a sibling takes the caller's */
  };
  long pid = syscall(SYS_clone3, &how, sizeof how);
  if (pid < 0)
    return -errno;
  if (pid > 0)
    return pid;
  if (robust_bytes)
    syscall(SYS_set_robust_list, robust_locks, robust_bytes);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(1); /* it died before we said so */
  return 0;
}

int halo_keeper_send(int to, const struct halo_keeper_message *message, const int *descriptors,
                     size_t count) {
  struct iovec piece = {(void *)message, sizeof *message};
  union {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(HALO_KEEPER_DESCRIPTORS * sizeof(int))];
  } rights = {0};
  struct msghdr packet = {.msg_iov = &piece, .msg_iovlen = 1};
  if (count) {
    packet.msg_control = rights.bytes;
    packet.msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *head = CMSG_FIRSTHDR(&packet);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(head), descriptors, count * sizeof(int));
  }
  for (;;) {
    if (sendmsg(to, &packet, MSG_NOSIGNAL) >= 0)
      return 0;
    if (errno != EINTR)
      return -errno;
  }
}

int halo_keeper_receive(int from, struct halo_keeper_message *message, int *descriptors, size_t *count,
                        int flags) {
  struct iovec piece = {message, sizeof *message};
  union {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(HALO_KEEPER_DESCRIPTORS * sizeof(int))];
  } rights;
  struct msghdr packet = {
      .msg_iov = &piece, .msg_iovlen = 1, .msg_control = rights.bytes, .msg_controllen = sizeof rights.bytes};
  ssize_t bytes;
  while ((bytes = recvmsg(from, &packet, flags | MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
    ;
  *count = 0;
  if (bytes <= 0)
    return bytes < 0 ? -errno : 0;
  for (struct cmsghdr *head = CMSG_FIRSTHDR(&packet); head; head = CMSG_NXTHDR(&packet, head))
    if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
      *count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      memcpy(descriptors, CMSG_DATA(head), *count * sizeof(int));
    }
  if (bytes == sizeof *message && !(packet.msg_flags & MSG_TRUNC))
    return 1;
  while (*count)
    close(descriptors[--*count]);
  return -EPROTO;
}

/* ---- frozen ---- */

static void report(uint32_t kind, uint64_t id, long pid, int status, const int *descriptors, size_t count) {
  struct halo_keeper_message event = {.kind = kind, .pid = (int32_t)pid, .id = id, .status = status};
  halo_keeper_send(reports, &event, descriptors, count);
}

/* Waits to be thawed, as often as it is asked. Returns in the thawed copy only. */
static void stay_frozen(uint64_t id, int orders, int *descriptors, size_t *count) {
  struct halo_keeper_message order;
  for (;;) {
    int status = halo_keeper_receive(orders, &order, descriptors, count, 0);
    if (status == 0 || (status < 0 && status != -EPROTO))
      _exit(0);
    if (status < 0 || order.kind != HALO_KEEPER_THAW)
      continue;
    int pidfd;
    long pid = halo_keeper_fork(true, &pidfd);
    if (pid == 0)
      return;
    if (pid > 0) {
      report(HALO_KEEPER_LIVE, id, pid, 0, &pidfd, 1);
      close(pidfd);
    } else {
      report(HALO_KEEPER_FAILED, id, 0, (int)-pid, NULL, 0);
    }
    while (*count)
      close(descriptors[--*count]);
  }
}

int halo_keeper_freeze(uint64_t id, void (*rest)(void), int *descriptors, size_t *count) {
  int ends[2], pidfd;
  sigset_t all, mask;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return -errno;
  /* A frozen process is no target of the terminal's signals. */
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &mask);
  long pid = halo_keeper_fork(true, &pidfd);
  if (pid == 0) {
    close(ends[0]);
    if (rest)
      rest();
    stay_frozen(id, ends[1], descriptors, count);
    close(ends[1]);
  }
  sigprocmask(SIG_SETMASK, &mask, NULL);
  if (pid == 0)
    return 1;
  close(ends[1]);
  int passed[2] = {pidfd, ends[0]};
  if (pid > 0) {
    report(HALO_KEEPER_FROZEN, id, pid, 0, passed, 2);
    close(pidfd);
  }
  close(ends[0]);
  return pid < 0 ? (int)pid : 0;
}
