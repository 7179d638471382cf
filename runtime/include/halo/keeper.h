/* keeper.h: a process that can be frozen, thawed and thrown away.
 *
 * The keeper is a process that does nothing but hold others: the *live* one, which works, and
 * *frozen* ones, which are forks of it that wait. All are its children (CLONE_PARENT), so a program
 * that runs in the live one sees nothing of them in its wait(), and none outlives the keeper.
 *
 *    front ──orders──▶ keeper ◀──reports── live ──freeze──▶ frozen 7 ──thaw──▶ live, as at 7
 *          ◀─events──                                          └ stays, to be thawed again
 *
 * Orders and events are struct halo_keeper_message, one a packet of a SOCK_SEQPACKET socket;
 * descriptors ride along (SCM_RIGHTS). The keeper takes no part in what its live process talks
 * about with others.
 *
 * A live process may be frozen only while it has one thread. What fork does not copy is lost by
 * freezing: pending signals, timers, locks of files.
 */
#ifndef HALO_KEEPER_H
#define HALO_KEEPER_H

#include <stddef.h>
#include <stdint.h>

#define HALO_KEEPER_DESCRIPTORS 4 /* with one message */

enum halo_keeper_kind {
  /* orders */
  HALO_KEEPER_START = 1, /* a live process from the beginning; descriptors: for its body */
  HALO_KEEPER_THAW = 2,  /* id: which; descriptors: for halo_keeper_freeze, which returns again */
  HALO_KEEPER_DROP = 3,  /* id: which frozen one to end */
  HALO_KEEPER_KILL = 4,  /* the live one */
  /* events */
  HALO_KEEPER_LIVE = 16,   /* pid: the live process, from START or from frozen id */
  HALO_KEEPER_FROZEN = 17, /* id, pid: there is a frozen one now */
  HALO_KEEPER_DIED = 18,   /* pid, status: as of waitpid: a live process, which is gone; id: 1, it had
                            * become another program (exec), else 0 */
  HALO_KEEPER_LOST = 19,   /* id: a frozen one died, or was never there */
  HALO_KEEPER_FAILED = 20, /* id, status: errno: it could not be started or thawed */
};

struct halo_keeper_message {
  uint32_t kind;
  int32_t pid;
  uint64_t id;
  int32_t status;
  uint32_t bytes; /* that follow, where messages come in a stream (executor/remote.h); else 0 */
};

/* Runs in a live process, with the descriptors of START; its result is the exit status. */
typedef int halo_keeper_body(void *context, const int *descriptors, size_t count);

/* Becomes the keeper: obeys until the orders' other end is closed, then ends every process. Returns
 * 0, or -errno when it cannot begin. Live processes do not return from here. */
int halo_keeper_run(int control, halo_keeper_body *body, void *context);

/* In a live process of one thread: leaves a frozen copy behind, which calls `rest` (null: nothing)
 * before it waits. 0: done, we go on. 1: we are that copy, thawed; *count of the array's descriptors
 * (HALO_KEEPER_DESCRIPTORS) came with the order. -errno: nothing was frozen. */
int halo_keeper_freeze(uint64_t id, void (*rest)(void), int *descriptors, size_t *count);

/* The same open file under a number that programs do not close by accident; `fd` is closed, or is
 * returned when there is no such number. */
int halo_keeper_lift(int fd);

#endif
