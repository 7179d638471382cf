/* keeper/keeper.c: the keeper itself; see halo/keeper.h. One thread, a table, one loop of poll. */
#include "halo/keeper.h"

#include "sibling.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKED_NO_EXEC 0x40u /* PF_FORKNOEXEC of the kernel */

/* A child: the live one, or a frozen one with a socket to order it by. */
struct kept {
  pid_t pid;
  int pidfd, orders; /* orders -1: it is live, or was */
  uint64_t id;
};

struct keeper {
  int control, reports[2]; /* reports: we read the first, live processes write to the second */
  struct kept *kept;
  size_t count, room;
  struct pollfd *polled; /* control, reports, then one for each kept */
  halo_keeper_body *body;
  void *context;
  sigset_t mask; /* that we were started with */
};

static void tell(struct keeper *keeper, const struct halo_keeper_message *event) {
  halo_keeper_send(keeper->control, event, NULL, 0); /* a front that is gone is noticed by poll */
}

/* ---- the table ---- */

static bool make_room(struct keeper *keeper) {
  if (keeper->count < keeper->room)
    return true;
  size_t room = keeper->room ? 2 * keeper->room : 16;
  struct kept *kept = realloc(keeper->kept, room * sizeof *kept);
  if (kept)
    keeper->kept = kept;
  struct pollfd *polled = kept ? realloc(keeper->polled, (room + 2) * sizeof *polled) : NULL;
  if (!polled)
    return false;
  keeper->polled = polled;
  keeper->room = room;
  return true;
}

static void drop_row(struct keeper *keeper, size_t row) {
  struct kept *kept = &keeper->kept[row];
  close(kept->pidfd);
  if (kept->orders >= 0)
    close(kept->orders);
  *kept = keeper->kept[--keeper->count];
}

static struct kept *find_frozen(struct keeper *keeper, uint64_t id) {
  for (size_t i = 0; i < keeper->count; i++)
    if (keeper->kept[i].orders >= 0 && keeper->kept[i].id == id)
      return &keeper->kept[i];
  return NULL;
}

static void keep(struct keeper *keeper, struct kept kept) {
  uint32_t kind = kept.orders >= 0 ? HALO_KEEPER_FROZEN : HALO_KEEPER_LIVE;
  if (!make_room(keeper)) { /* what cannot be watched must not be */
    kill(kept.pid, SIGKILL);
    waitpid(kept.pid, NULL, 0);
    tell(keeper, &(struct halo_keeper_message){
                     .kind = HALO_KEEPER_FAILED, .pid = kept.pid, .id = kept.id, .status = ENOMEM});
    close(kept.pidfd);
    if (kept.orders >= 0)
      close(kept.orders);
    return;
  }
  keeper->kept[keeper->count++] = kept;
  tell(keeper, &(struct halo_keeper_message){.kind = kind, .pid = kept.pid, .id = kept.id});
}

/* ---- orders ---- */

static void start(struct keeper *keeper, uint64_t id, const int *descriptors, size_t count) {
  int pidfd;
  long pid = halo_keeper_fork(false, &pidfd);
  if (pid == 0) {
    sigprocmask(SIG_SETMASK, &keeper->mask, NULL);
    halo_keeper_attach(keeper->reports[1]);
    close(keeper->reports[0]);
    close(keeper->control);
    _exit(keeper->body(keeper->context, descriptors, count));
  }
  if (pid < 0)
    tell(keeper,
         &(struct halo_keeper_message){.kind = HALO_KEEPER_FAILED, .id = id, .status = (int32_t)-pid});
  else
    keep(keeper, (struct kept){(pid_t)pid, pidfd, -1, id});
}

static void thaw(struct keeper *keeper, const struct halo_keeper_message *order, const int *descriptors,
                 size_t count) {
  struct kept *frozen = find_frozen(keeper, order->id);
  if (!frozen || halo_keeper_send(frozen->orders, order, descriptors, count) < 0)
    tell(keeper, &(struct halo_keeper_message){.kind = HALO_KEEPER_LOST, .id = order->id});
}

static void obey(struct keeper *keeper, const struct halo_keeper_message *order, const int *descriptors,
                 size_t count) {
  struct kept *frozen;
  switch (order->kind) {
  case HALO_KEEPER_START:
    start(keeper, order->id, descriptors, count);
    break;
  case HALO_KEEPER_THAW:
    thaw(keeper, order, descriptors, count);
    break;
  case HALO_KEEPER_DROP:
    if ((frozen = find_frozen(keeper, order->id)))
      kill(frozen->pid, SIGKILL); /* its end is an event as any other's */
    break;
  case HALO_KEEPER_KILL:
    for (size_t i = 0; i < keeper->count; i++)
      if (keeper->kept[i].orders < 0)
        kill(keeper->kept[i].pid, SIGKILL);
    break;
  }
}

/* ---- what the children report ---- */

/* User code can write to this socket too: nothing here trusts what it says. A pidfd names a process
 * of its sender's choice; only a child of ours can be waited for. */
static void take_report(struct keeper *keeper, const struct halo_keeper_message *report, int *descriptors,
                        size_t count) {
  bool is_frozen = report->kind == HALO_KEEPER_FROZEN;
  siginfo_t state;
  if ((is_frozen ? count == 2 : report->kind == HALO_KEEPER_LIVE && count == 1) && report->pid > 0 &&
      waitid(P_PIDFD, (id_t)descriptors[0], &state, WEXITED | WNOHANG | WNOWAIT) == 0) {
    if (is_frozen) /* before the front hears of it: a signal to the live one's group is not for it */
      setpgid(report->pid, getpgrp());
    keep(keeper, (struct kept){report->pid, descriptors[0], is_frozen ? descriptors[1] : -1, report->id});
    return;
  }
  if (report->kind == HALO_KEEPER_FAILED)
    tell(keeper, report);
  for (size_t i = 0; i < count; i++)
    close(descriptors[i]);
}

/* The kernel notes of a process whether it has run a program of its own; it must not be reaped yet. */
static bool has_exec(pid_t pid) {
  char path[32], text[512];
  unsigned flags = FORKED_NO_EXEC;
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t bytes = file < 0 ? -1 : read(file, text, sizeof text - 1);
  if (file >= 0)
    close(file);
  text[bytes > 0 ? bytes : 0] = 0;
  char *at = strrchr(text, ')'); /* then a state and five numbers before the flags */
  for (int skipped = 0; at && skipped < 7; skipped++)
    at = strchr(at + 1, ' ');
  if (at)
    flags = (unsigned)strtoul(at, NULL, 10);
  return !(flags & FORKED_NO_EXEC);
}

static void bury(struct keeper *keeper, size_t row) {
  struct kept dead = keeper->kept[row];
  bool was_exec = dead.orders < 0 && has_exec(dead.pid);
  int status = 0;
  while (waitpid(dead.pid, &status, 0) < 0 && errno == EINTR)
    ;
  bool was_frozen = dead.orders >= 0;
  drop_row(keeper, row);
  tell(keeper, &(struct halo_keeper_message){.kind = was_frozen ? HALO_KEEPER_LOST : HALO_KEEPER_DIED,
                                             .pid = dead.pid,
                                             .id = was_frozen ? dead.id : was_exec,
                                             .status = status});
}

/* A process that is killed while it leaves a copy behind, or begins as one, may not have told of it: the
 * copy ends then, and nobody else would reap it. While the front asks for another live process, no
 * child is in the midst of telling. */
static void bury_unreported(struct keeper *keeper) {
  siginfo_t dead = {0};
  while (waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT) == 0 && dead.si_pid) {
    size_t row = 0;
    while (row < keeper->count && keeper->kept[row].pid != dead.si_pid)
      row++;
    if (row < keeper->count)
      bury(keeper, row);
    else
      waitpid(dead.si_pid, NULL, 0);
    dead.si_pid = 0;
  }
}

/* ---- the loop ---- */

/* False: the front is gone. */
static bool step(struct keeper *keeper) {
  keeper->polled[0] = (struct pollfd){keeper->control, POLLIN, 0};
  keeper->polled[1] = (struct pollfd){keeper->reports[0], POLLIN, 0};
  size_t count = keeper->count;
  for (size_t i = 0; i < count; i++)
    keeper->polled[2 + i] = (struct pollfd){keeper->kept[i].pidfd, POLLIN, 0};
  if (poll(keeper->polled, 2 + count, -1) < 0)
    return errno == EINTR;
  /* Reports first: a process that reports and dies is known when its end is seen. Then from the
   * last row to the first: burying moves the last one up. */
  struct halo_keeper_message message;
  int descriptors[HALO_KEEPER_DESCRIPTORS];
  size_t passed;
  bool has_reports = keeper->polled[1].revents, has_orders = keeper->polled[0].revents;
  for (size_t i = count; i-- > 0;)
    keeper->polled[2 + i].revents = keeper->polled[2 + i].revents ? 1 : 0;
  for (size_t i = count; i-- > 0;)
    if (keeper->polled[2 + i].revents && !has_reports)
      bury(keeper, i);
  while (has_reports &&
         halo_keeper_receive(keeper->reports[0], &message, descriptors, &passed, MSG_DONTWAIT) > 0)
    take_report(keeper, &message, descriptors, passed);
  if (!has_orders)
    return true;
  int status = halo_keeper_receive(keeper->control, &message, descriptors, &passed, MSG_DONTWAIT);
  if (status == -EAGAIN)
    return true;
  if (status <= 0)
    return false;
  if (message.kind == HALO_KEEPER_START || message.kind == HALO_KEEPER_THAW)
    bury_unreported(keeper);
  obey(keeper, &message, descriptors, passed);
  for (size_t i = 0; i < passed; i++)
    close(descriptors[i]);
  return true;
}

int halo_keeper_run(int control, halo_keeper_body *body, void *context) {
  struct keeper keeper = {.control = control, .body = body, .context = context};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, keeper.reports) != 0)
    return -errno;
  if (!make_room(&keeper))
    return -ENOMEM;
  signal(SIGINT, SIG_IGN); /* the terminal's is for the live process */
  signal(SIGPIPE, SIG_IGN);
  sigset_t all; /* whoever signals its parent by mistake must not lose what is kept */
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &keeper.mask);
  while (step(&keeper))
    ;
  for (size_t i = 0; i < keeper.count; i++)
    kill(keeper.kept[i].pid, SIGKILL);
  for (size_t i = 0; i < keeper.count; i++)
    waitpid(keeper.kept[i].pid, NULL, 0);
  /* One that nobody has reported yet dies with us. */
  return 0;
}
