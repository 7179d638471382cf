/* threads.c: /proc/self/task. */
#include "threads.h"

#include "halo/sys.h"

#include <string.h>

struct directory_entry { /* linux_dirent64 */
  uint64_t inode, offset;
  uint16_t bytes;
  uint8_t type;
  char name[];
};

size_t halo_threads_list(int *tids, size_t limit) {
  _Alignas(8) char buffer[4096] = {0};
  size_t count = 0;
  int own = halo_sys_gettid();
  long fd = halo_sys_open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (halo_sys_failed(fd))
    return 0;
  for (;;) {
    long bytes = halo_sys_getdents64((int)fd, buffer, sizeof buffer);
    if (bytes <= 0)
      break;
    for (long at = 0; at < bytes && count < limit;) {
      const struct directory_entry *entry = (const void *)(buffer + at);
      int tid = 0;
      for (const char *digit = entry->name; *digit >= '0' && *digit <= '9'; digit++)
        tid = tid * 10 + (*digit - '0');
      if (tid && tid != own)
        tids[count++] = tid;
      at += entry->bytes;
    }
  }
  halo_sys_close((int)fd);
  return count;
}

static long read_status(int tid, char *text, size_t bytes) {
  char path[48] = "/proc/self/task/";
  size_t at = 16, count = 0;
  char digits[12];
  do
    digits[count++] = (char)('0' + tid % 10);
  while (tid /= 10);
  while (count)
    path[at++] = digits[--count];
  memcpy(path + at, "/status", 8);
  long fd = halo_sys_open(path, O_RDONLY | O_CLOEXEC, 0);
  if (halo_sys_failed(fd))
    return fd;
  long have = halo_sys_read_all((int)fd, text, bytes - 1);
  halo_sys_close((int)fd);
  text[have > 0 ? have : 0] = 0;
  return have;
}

/* A process ends with its last thread, and this one is invisible to libc, which ends the process
 * when the last thread it knows does. Programs that end threads by the bare system call (under
 * strict seccomp they must) would go on for ever as the monitor alone. */
#define ALONE_NS 50000000u /* how often to look once the first thread has ended */
/* Before: no call tells its end (a pidfd of a first thread waits for the others, Linux 6.15). */
#define LOOK_NS 1000000000u

static bool has_first_ended;
static uint64_t looked_ns;

static bool is_alone(void) {
  int tids[2];
  char text[512];
  if (read_status(halo_sys_getpid(), text, sizeof text) <= 0)
    return false;
  const char *state = strstr(text, "\nState:\t");
  has_first_ended = state && state[8] == 'Z';
  return has_first_ended && halo_threads_list(tids, 2) == 1 && tids[0] == halo_sys_getpid();
}

bool halo_threads_wait(int fd, uint64_t timeout_ns) {
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  uint64_t most_ns = has_first_ended ? ALONE_NS : LOOK_NS;
  if (timeout_ns > most_ns)
    timeout_ns = most_ns;
  struct timespec timeout = {(time_t)(timeout_ns / 1000000000u), (long)(timeout_ns % 1000000000u)};
  halo_sys_ppoll(&wait, 1, &timeout);
  uint64_t now = halo_sys_now_ns();
  if (now - looked_ns < most_ns)
    return true;
  looked_ns = now;
  return !is_alone();
}

/* The last field of /proc/self/stat: the first thread's wait status. */
static unsigned first_thread_status(void) {
  char text[1024];
  long fd = halo_sys_open("/proc/self/stat", O_RDONLY | O_CLOEXEC, 0);
  if (halo_sys_failed(fd))
    return 0;
  long bytes = halo_sys_read_all((int)fd, text, sizeof text - 1);
  halo_sys_close((int)fd);
  while (bytes > 0 && (text[bytes - 1] < '0' || text[bytes - 1] > '9'))
    bytes--;
  unsigned status = 0, scale = 1;
  for (; bytes > 0 && text[bytes - 1] >= '0' && text[bytes - 1] <= '9'; scale *= 10)
    status += scale * (unsigned)(text[--bytes] - '0');
  return status;
}

void halo_threads_end(void) {
  unsigned status = is_alone() ? first_thread_status() : 0;
  int signal_number = status & 127;
  if (signal_number) {
    struct halo_sys_sigaction none = {.handler = NULL};
    uint64_t nothing = 0;
    halo_sys_sigaction(signal_number, &none, NULL);
    halo_sys_sigprocmask(SIG_SETMASK, &nothing, NULL);
    halo_sys_tgkill(halo_sys_getpid(), halo_sys_gettid(), signal_number);
  }
  halo_sys_thread_exit((int)(status >> 8 & 255));
}

/* Filters are never taken away: a thread with as many as the process began with has the same ones. */
static long first_filters; /* 0: none, or not known */

/* 0 before Linux 5.9, which does not tell. */
static long filters_of(const char *status) {
  static const char name[] = "\nSeccomp_filters:\t";
  const char *line = strstr(status, name);
  long count = 0;
  for (const char *digit = line ? line + sizeof name - 1 : ""; *digit >= '0' && *digit <= '9'; digit++)
    count = 10 * count + (*digit - '0');
  return count;
}

void halo_threads_begin(void) {
  char text[4096];
  int other;
  first_filters = 0;
  if (halo_sys_prctl(21 /* PR_GET_SECCOMP */, 0, 0, 0, 0) == 2 /* SECCOMP_MODE_FILTER */ &&
      halo_threads_list(&other, 1) == 0 && read_status(halo_sys_gettid(), text, sizeof text) > 0)
    first_filters = filters_of(text);
}

bool halo_threads_is_confined(const char *status) {
  const char *mode = strstr(status, "\nSeccomp:\t");
  if (!mode || mode[10] == '0')
    return false;
  return mode[10] != '2' || !first_filters || filters_of(status) != first_filters;
}

bool halo_threads_is_free(int tid) {
  char text[4096];
  return read_status(tid, text, sizeof text) > 0 && !halo_threads_is_confined(text);
}

unsigned long halo_threads_blocked_signals(void) {
  char text[4096];
  const char *line = NULL;
  if (read_status(halo_sys_getpid(), text, sizeof text) > 0)
    line = strstr(text, "\nSigBlk:\t");
  if (!line)
    return ~0ul;
  unsigned long mask = 0;
  for (const char *at = line + 9;; at++) {
    if (*at >= '0' && *at <= '9')
      mask = mask << 4 | (unsigned long)(*at - '0');
    else if (*at >= 'a' && *at <= 'f')
      mask = mask << 4 | (unsigned long)(*at - 'a' + 10);
    else
      return mask;
  }
}
