/* executor/freeze.c: see freeze.h. */
#include "freeze.h"

#include "../exec/answer.h"
#include "dispatch.h"
#include "halo/keeper.h"
#include "halo/protocol.h"
#include "offsets.h"
#include "tasks.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Standard input, output and error, as a session begins with them. */
static struct stat standard[3];

void halo_freeze_begin(void) {
  /* Of the terminal's signals only SIGINT and SIGQUIT are for us: what is stopped cannot be ended from
   * there. A group of our own, so that kill(0, ...) ends nobody else. */
  static const int ignored[] = {SIGTSTP, SIGTTIN, SIGTTOU};
  setpgid(0, 0);
  signal(SIGINT, SIG_DFL);
  signal(SIGPIPE, SIG_DFL);
  for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
    signal(ignored[i], SIG_IGN);
  for (int fd = 0; fd < 3; fd++)
    fstat(fd, &standard[fd]);
}

struct pipe_end {
  int fd, mode;
  struct stat about;
};

static bool is_same(const struct stat *a, const struct stat *b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* All but the standard ones; the array is the caller's to free. */
static size_t find_pipes(struct pipe_end **ends) {
  DIR *descriptors = opendir("/proc/self/fd");
  size_t count = 0, room = 0;
  for (struct dirent *entry; descriptors && (entry = readdir(descriptors));) {
    struct pipe_end end = {.fd = (int)strtol(entry->d_name, NULL, 10)};
    if (entry->d_name[0] == '.' || fstat(end.fd, &end.about) != 0 || !S_ISFIFO(end.about.st_mode) ||
        is_same(&end.about, &standard[0]) || is_same(&end.about, &standard[1]) ||
        is_same(&end.about, &standard[2]))
      continue;
    end.mode = fcntl(end.fd, F_GETFL) & O_ACCMODE;
    if (count == room) {
      struct pipe_end *more = realloc(*ends, (room += 64) * sizeof *more);
      if (!more)
        break;
      *ends = more;
    }
    (*ends)[count++] = end;
  }
  if (descriptors)
    closedir(descriptors);
  return count;
}

/* What a frozen copy has open is open, also when the live process has closed it: whoever reads to the
 * end of a pipe, as children of popen do, would wait for ever. So an end whose other end is another
 * process's becomes one whose other end is closed. */
static void let_go_of_pipes(void) {
  struct pipe_end *ends = NULL;
  size_t count = find_pipes(&ends);
  int dead[2] = {-1, -1};
  for (size_t i = 0; i < count; i++) {
    bool is_ours = ends[i].mode == O_RDWR;
    for (size_t j = 0; j < count; j++)
      is_ours |= ends[j].mode != ends[i].mode && is_same(&ends[i].about, &ends[j].about);
    bool is_read = ends[i].mode == O_RDONLY;
    if (is_ours || pipe2(dead, O_CLOEXEC) != 0)
      continue;
    dup3(dead[is_read ? 0 : 1], ends[i].fd, fcntl(ends[i].fd, F_GETFD) & FD_CLOEXEC ? O_CLOEXEC : 0);
    close(dead[0]);
    close(dead[1]);
  }
  free(ends);
}

static int wire; /* while this process is being frozen */

static void rest(void) {
  /* Who waits at the wire's other end must see the live process's end. The number stays taken. */
  int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup3(nothing, wire, O_CLOEXEC);
  close(nothing);
  let_go_of_pipes();
}

/* A thawed process is in its keeper's group at first; what was sent to that is not for it. */
static void leave_group(const sigset_t *blocked) {
  setpgid(0, 0);
  while (sigtimedwait(blocked, NULL, &(struct timespec){0}) > 0)
    ;
}

static int freeze(struct halo_call *call) {
  uint64_t id = halo_read_u64(&call->in);
  if (call->in.is_bad)
    return HALO_E_MALFORMED;
  struct halo_text why = {0};
  int descriptors[HALO_KEEPER_DESCRIPTORS];
  size_t count;
  uint64_t threads = halo_tasks_count();
  if (threads == 1) {
    fflush(NULL); /* what is buffered would be written twice */
    halo_offsets_note();
    wire = halo_session_descriptor(call->session);
    sigset_t all, mask;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &mask);
    int status = halo_keeper_freeze(id, rest, descriptors, &count);
    if (status == 1)
      leave_group(&all);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    if (status == 1) {
      halo_offsets_restore();
      while (count > 1)
        close(descriptors[--count]);
      halo_dispatch_attach(call->session); /* our process id is another one */
      int next = count ? halo_keeper_lift(descriptors[0]) : -1;
      return halo_session_move(call->session, next, next);
    }
    if (status < 0) {
      halo_text_add(&why, "this process cannot be copied: error ");
      halo_text_add_number(&why, -status);
    }
  } else if (threads == 0) {
    halo_text_add(&why, "/proc/self/task cannot be read");
  }
  if (why.length) {
    halo_answer_failure(call->out, &why);
    return HALO_OK;
  }
  halo_answer_value(call->out);
  halo_write_u64(call->out, threads);
  return HALO_OK;
}

const struct halo_service *halo_freeze_services(size_t *count) {
  static const struct halo_service services[] = {{"halo_freeze", freeze, 0, NULL}};
  *count = 1;
  return services;
}
