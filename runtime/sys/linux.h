/* sys/linux.h: raw Linux system calls, named halo_sys_<call>.
 *
 * Each returns what the kernel returns: a result, or -errno. None touches errno, locks, allocates
 * or is a cancellation point, so all may run on the monitor's thread and in signal handlers. Calls
 * that a signal may interrupt return -EINTR; only halo_sys_write_all and halo_sys_read_all retry.
 */
#ifndef HALO_SYS_LINUX_H
#define HALO_SYS_LINUX_H

#if defined(__x86_64__)
#include "../arch/x86_64.h"
#elif defined(__aarch64__)
#include "../arch/aarch64.h"
#else
#error "Halo runs on x86-64 and aarch64 Linux"
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#define HALO_SYS1(n, a) halo_syscall(n, (long)(a), 0, 0, 0, 0, 0)
#define HALO_SYS2(n, a, b) halo_syscall(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define HALO_SYS3(n, a, b, c) halo_syscall(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define HALO_SYS4(n, a, b, c, d) halo_syscall(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define HALO_SYS5(n, a, b, c, d, e) halo_syscall(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define HALO_SYS6(n, a, b, c, d, e, f)                                                                       \
  halo_syscall(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* True for results that are -errno; also for pointers returned as long. */
static inline bool halo_sys_failed(long result) { return (unsigned long)result > -4096UL; }

/* ---- memory ---- */

static inline long halo_sys_mmap(void *address, size_t bytes, int protection, int flags, int fd,
                                 off_t offset) {
  return HALO_SYS6(SYS_mmap, address, bytes, protection, flags, fd, offset);
}
static inline long halo_sys_mremap(void *old, size_t old_bytes, size_t new_bytes, int flags) {
  return HALO_SYS4(SYS_mremap, old, old_bytes, new_bytes, flags);
}
static inline long halo_sys_munmap(void *address, size_t bytes) {
  return HALO_SYS2(SYS_munmap, address, bytes);
}
static inline long halo_sys_mprotect(void *address, size_t bytes, int protection) {
  return HALO_SYS3(SYS_mprotect, address, bytes, protection);
}
static inline long halo_sys_madvise(void *address, size_t bytes, int advice) {
  return HALO_SYS3(SYS_madvise, address, bytes, advice);
}
static inline long halo_sys_process_vm_readv(int pid, const struct iovec *to, size_t to_count,
                                             const struct iovec *from, size_t from_count) {
  return HALO_SYS6(SYS_process_vm_readv, pid, to, to_count, from, from_count, 0);
}
static inline long halo_sys_process_vm_writev(int pid, const struct iovec *from, size_t from_count,
                                              const struct iovec *to, size_t to_count) {
  return HALO_SYS6(SYS_process_vm_writev, pid, from, from_count, to, to_count, 0);
}
static inline long halo_sys_membarrier(int command, unsigned flags) {
  return HALO_SYS3(SYS_membarrier, command, flags, 0);
}

/* Private zeroed pages, or null. */
static inline void *halo_sys_pages(size_t bytes) {
  long at = halo_sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return halo_sys_failed(at) ? NULL : (void *)at;
}

/* ---- files and descriptors ---- */

static inline long halo_sys_read(int fd, void *to, size_t bytes) {
  return HALO_SYS3(SYS_read, fd, to, bytes);
}
static inline long halo_sys_write(int fd, const void *from, size_t bytes) {
  return HALO_SYS3(SYS_write, fd, from, bytes);
}
static inline long halo_sys_pread(int fd, void *to, size_t bytes, off_t offset) {
  return HALO_SYS4(SYS_pread64, fd, to, bytes, offset);
}
static inline long halo_sys_pwrite(int fd, const void *from, size_t bytes, off_t offset) {
  return HALO_SYS4(SYS_pwrite64, fd, from, bytes, offset);
}
static inline long halo_sys_openat(int directory, const char *path, int flags, int mode) {
  return HALO_SYS4(SYS_openat, directory, path, flags, mode);
}
static inline long halo_sys_open(const char *path, int flags, int mode) {
  return halo_sys_openat(AT_FDCWD, path, flags, mode);
}
static inline long halo_sys_close(int fd) { return HALO_SYS1(SYS_close, fd); }
static inline long halo_sys_close_range(unsigned first, unsigned last, unsigned flags) {
  return HALO_SYS3(SYS_close_range, first, last, flags);
}
static inline long halo_sys_lseek(int fd, off_t offset, int whence) {
  return HALO_SYS3(SYS_lseek, fd, offset, whence);
}
static inline long halo_sys_fstat(int fd, struct stat *out) { return HALO_SYS2(SYS_fstat, fd, out); }
static inline long halo_sys_statat(int directory, const char *path, struct stat *out, int flags) {
  return HALO_SYS4(SYS_newfstatat, directory, path, out, flags);
}
static inline long halo_sys_unlinkat(int directory, const char *path, int flags) {
  return HALO_SYS3(SYS_unlinkat, directory, path, flags);
}
static inline long halo_sys_readlink(const char *path, char *to, size_t bytes) {
  return HALO_SYS4(SYS_readlinkat, AT_FDCWD, path, to, bytes);
}
static inline long halo_sys_getdents64(int fd, void *to, size_t bytes) {
  return HALO_SYS3(SYS_getdents64, fd, to, bytes);
}
static inline long halo_sys_fcntl(int fd, int command, long argument) {
  return HALO_SYS3(SYS_fcntl, fd, command, argument);
}
static inline long halo_sys_ioctl(int fd, unsigned long request, long argument) {
  return HALO_SYS3(SYS_ioctl, fd, request, argument);
}
static inline long halo_sys_dup3(int from, int to, int flags) { return HALO_SYS3(SYS_dup3, from, to, flags); }
static inline long halo_sys_pipe2(int fds[2], int flags) { return HALO_SYS2(SYS_pipe2, fds, flags); }
static inline long halo_sys_eventfd(unsigned value, int flags) {
  return HALO_SYS2(SYS_eventfd2, value, flags);
}
static inline long halo_sys_memfd_create(const char *name, unsigned flags) {
  return HALO_SYS2(SYS_memfd_create, name, flags);
}

static inline long halo_sys_writev(int fd, const struct iovec *pieces, size_t count) {
  return HALO_SYS3(SYS_writev, fd, pieces, count);
}

/* Waits until a descriptor is ready; timeout null: for ever. The signal mask stays as it is. The
 * kernel may shorten *timeout: pass a copy. */
static inline long halo_sys_ppoll(struct pollfd *fds, size_t count, struct timespec *timeout) {
  return HALO_SYS5(SYS_ppoll, fds, count, timeout, NULL, 8);
}

/* All bytes or a failure; for regular files and blocking descriptors. 0 or -errno. */
static inline long halo_sys_write_all(int fd, const void *from, size_t bytes) {
  const char *at = (const char *)from;
  while (bytes) {
    long done = halo_sys_write(fd, at, bytes);
    if (done == -EINTR)
      continue;
    if (done <= 0)
      return done ? done : -EIO;
    at += done;
    bytes -= (size_t)done;
  }
  return 0;
}

/* As much as there is up to `bytes`: the count read (short only at end of file) or -errno. */
static inline long halo_sys_read_all(int fd, void *to, size_t bytes) {
  size_t have = 0;
  while (have < bytes) {
    long done = halo_sys_read(fd, (char *)to + have, bytes - have);
    if (done == -EINTR)
      continue;
    if (done < 0)
      return done;
    if (done == 0)
      break;
    have += (size_t)done;
  }
  return (long)have;
}

/* ---- sockets ---- */

static inline long halo_sys_socket(int domain, int type, int protocol) {
  return HALO_SYS3(SYS_socket, domain, type, protocol);
}
static inline long halo_sys_connect(int fd, const void *address, size_t bytes) {
  return HALO_SYS3(SYS_connect, fd, address, bytes);
}
static inline long halo_sys_getsockopt(int fd, int level, int name, void *value, socklen_t *bytes) {
  return HALO_SYS5(SYS_getsockopt, fd, level, name, value, bytes);
}
static inline long halo_sys_setsockopt(int fd, int level, int name, const void *value, socklen_t bytes) {
  return HALO_SYS5(SYS_setsockopt, fd, level, name, value, bytes);
}
static inline long halo_sys_getsockname(int fd, void *address, socklen_t *bytes) {
  return HALO_SYS3(SYS_getsockname, fd, address, bytes);
}
static inline long halo_sys_getpeername(int fd, void *address, socklen_t *bytes) {
  return HALO_SYS3(SYS_getpeername, fd, address, bytes);
}
/* MSG_NOSIGNAL sends that must not raise SIGPIPE in the program. */
static inline long halo_sys_send(int fd, const void *from, size_t bytes, int flags) {
  return HALO_SYS6(SYS_sendto, fd, from, bytes, flags, NULL, 0);
}
static inline long halo_sys_sendmsg(int fd, const struct msghdr *message, int flags) {
  return HALO_SYS3(SYS_sendmsg, fd, message, flags);
}
static inline long halo_sys_recv(int fd, void *to, size_t bytes, int flags) {
  return HALO_SYS6(SYS_recvfrom, fd, to, bytes, flags, NULL, NULL);
}

/* ---- processes, threads, time ---- */

static inline int halo_sys_getpid(void) { return (int)HALO_SYS1(SYS_getpid, 0); }
static inline int halo_sys_gettid(void) { return (int)HALO_SYS1(SYS_gettid, 0); }
static inline uid_t halo_sys_getuid(void) { return (uid_t)HALO_SYS1(SYS_getuid, 0); }
static inline uid_t halo_sys_geteuid(void) { return (uid_t)HALO_SYS1(SYS_geteuid, 0); }
static inline gid_t halo_sys_getgid(void) { return (gid_t)HALO_SYS1(SYS_getgid, 0); }
static inline gid_t halo_sys_getegid(void) { return (gid_t)HALO_SYS1(SYS_getegid, 0); }
/* For the calling thread only, unlike libc's wrappers. */
static inline long halo_sys_setresuid(uid_t real, uid_t effective, uid_t saved) {
  return HALO_SYS3(SYS_setresuid, real, effective, saved);
}
static inline long halo_sys_setresgid(gid_t real, gid_t effective, gid_t saved) {
  return HALO_SYS3(SYS_setresgid, real, effective, saved);
}
static inline long halo_sys_prctl(int option, long a, long b, long c, long d) {
  return HALO_SYS5(SYS_prctl, option, a, b, c, d);
}
static inline long halo_sys_getrlimit(int what, struct rlimit *out) {
  return HALO_SYS4(SYS_prlimit64, 0, what, NULL, out);
}
static inline long halo_sys_getrusage(int who, struct rusage *out) {
  return HALO_SYS2(SYS_getrusage, who, out);
}
static inline long halo_sys_getcpu(unsigned *cpu, unsigned *node) {
  return HALO_SYS3(SYS_getcpu, cpu, node, NULL);
}
static inline long halo_sys_sched_yield(void) { return HALO_SYS1(SYS_sched_yield, 0); }
static inline long halo_sys_sched_getaffinity(int tid, size_t bytes, void *mask) {
  return HALO_SYS3(SYS_sched_getaffinity, tid, bytes, mask);
}
static inline long halo_sys_tgkill(int pid, int tid, int signal_number) {
  return HALO_SYS3(SYS_tgkill, pid, tid, signal_number);
}
static inline long halo_sys_kill(int pid, int signal_number) {
  return HALO_SYS2(SYS_kill, pid, signal_number);
}
static inline long halo_sys_getrandom(void *to, size_t bytes, unsigned flags) {
  return HALO_SYS3(SYS_getrandom, to, bytes, flags);
}
/* Ends the calling thread, not the process. */
__attribute__((noreturn)) static inline void halo_sys_thread_exit(int status) {
  for (;;)
    HALO_SYS1(SYS_exit, status);
}

/* Waits while *word == expected (private futex); timeout null: for ever. */
static inline long halo_sys_futex_wait(const void *word, uint32_t expected, const struct timespec *timeout) {
  return HALO_SYS6(SYS_futex, word, 0 | 128, expected, timeout, NULL, 0);
}
static inline long halo_sys_futex_wake(const void *word, int threads) {
  return HALO_SYS6(SYS_futex, word, 1 | 128, threads, NULL, NULL, 0);
}
/* The kernel's own wake of a CLONE_CHILD_CLEARTID word is not private. */
static inline long halo_sys_futex_wait_shared(const void *word, uint32_t expected,
                                              const struct timespec *timeout) {
  return HALO_SYS6(SYS_futex, word, 0, expected, timeout, NULL, 0);
}

static inline long halo_sys_clock_gettime(clockid_t clock, struct timespec *out) {
  return HALO_SYS2(SYS_clock_gettime, clock, out);
}
static inline uint64_t halo_sys_clock_ns(clockid_t clock) {
  struct timespec now = {0, 0};
  halo_sys_clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
static inline uint64_t halo_sys_now_ns(void) { return halo_sys_clock_ns(CLOCK_MONOTONIC); }
static inline long halo_sys_nanosleep(uint64_t ns) {
  struct timespec time = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
  return HALO_SYS4(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, NULL);
}

/* ---- signals and timers: the kernel's own structures ---- */

struct halo_sys_sigaction {
  void (*handler)(int, siginfo_t *, void *);
  unsigned long flags;
  void (*restorer)(void);
  uint64_t mask;
};

/* Fills in the restorer. `old` may be null; so may `action` (to ask only). */
static inline long halo_sys_sigaction(int number, struct halo_sys_sigaction *action,
                                      struct halo_sys_sigaction *old) {
  if (action && HALO_SA_RESTORER && !(action->flags & HALO_SA_RESTORER)) {
    action->flags |= HALO_SA_RESTORER;
    action->restorer = halo_arch_sigreturn;
  }
  return HALO_SYS4(SYS_rt_sigaction, number, action, old, 8);
}
static inline long halo_sys_sigprocmask(int how, const uint64_t *set, uint64_t *old) {
  return HALO_SYS4(SYS_rt_sigprocmask, how, set, old, 8);
}
static inline long halo_sys_sigpending(uint64_t *set) { return HALO_SYS2(SYS_rt_sigpending, set, 8); }
/* Takes one pending signal of the set; its number or -errno. */
static inline long halo_sys_sigtimedwait(const uint64_t *set, const struct timespec *timeout) {
  return HALO_SYS4(SYS_rt_sigtimedwait, set, NULL, timeout, 8);
}
static inline long halo_sys_timer_create(clockid_t clock, struct sigevent *event, int *timer) {
  return HALO_SYS3(SYS_timer_create, clock, event, timer);
}
static inline long halo_sys_timer_settime(int timer, int flags, const struct itimerspec *value) {
  return HALO_SYS4(SYS_timer_settime, timer, flags, value, NULL);
}
static inline long halo_sys_timer_delete(int timer) { return HALO_SYS1(SYS_timer_delete, timer); }

/* `attribute` is a struct perf_event_attr; void here so that few files need its header. */
static inline long halo_sys_perf_event_open(void *attribute, int pid, int cpu, int group,
                                            unsigned long flags) {
  return HALO_SYS5(SYS_perf_event_open, attribute, pid, cpu, group, flags);
}

/* ---- a thread that libc does not know ---- */

#define HALO_THREAD_TLS_BYTES 16384 /* half below the thread pointer, half above */

/* Starts `run(argument)` on the given pages, which must stay mapped until *tid (if not null) has
 * become 0: the kernel clears it and wakes a (shared) futex on it when the thread is gone. The top
 * HALO_THREAD_TLS_BYTES become a stand-in for libc's thread block: zeroes, so that a stray read
 * through the thread pointer never meets another thread's state, and the thread's id where libc
 * keeps it: its recursive locks (dl_iterate_phdr takes one) take an owner of 0 for "mine". A libc
 * lock that a program thread releases while this thread begins to wait for it may never wake it:
 * libc takes a single-threaded program's word and uses plain stores. So: no libc locks that can be
 * contended, or none that must not be lost.
 * The signal mask is the caller's: block all signals around this call, on a thread that libc
 * knows. Returns the thread's id or -errno. */
static inline long halo_sys_thread_start(void (*run)(void *), void *argument, void *pages, size_t bytes,
                                         int *tid) {
  const unsigned long vm = 0x100, fs = 0x200, files = 0x400, sighand = 0x800, thread = 0x10000,
                      sysvsem = 0x40000, settls = 0x80000, parent_settid = 0x100000,
                      child_cleartid = 0x200000, child_settid = 0x1000000;
  if (bytes < 2 * HALO_THREAD_TLS_BYTES)
    return -EINVAL;
  char *pointer = (char *)pages + bytes - HALO_THREAD_TLS_BYTES / 2;
  char *stack_top = (char *)pages + bytes - HALO_THREAD_TLS_BYTES;
  halo_arch_tls_fill(pointer);
  unsigned long flags = vm | fs | files | sighand | thread | sysvsem | settls;
  size_t id_offset = halo_arch_tls_id_offset(halo_sys_gettid());
  if (id_offset)
    flags |= parent_settid; /* written before the thread runs */
  if (tid) {
    flags |= child_settid | child_cleartid;
    *tid = -1; /* not 0 before the thread has begun */
  }
  return halo_arch_clone(flags, stack_top, (int *)(pointer + id_offset), tid, pointer, run, argument);
}

#endif
