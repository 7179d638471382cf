/* executor/crash.h: what a dying worker tells its controller.
 *
 * On a signal that ends the process, when user code has no handler of its own, one frame goes to the
 * controller before the signal takes its course: a call with tag 0, which no other call has.
 *
 *   u64 signal, fault address, count, then count of struct halo_crash_frame, from the innermost one on
 *
 * It is written from a signal handler on a stack of its own, so that an overflow of the stack is told
 * too. Where the unwinder fails, or waits for two seconds, the frames up to there are told. Nothing is
 * answered.
 */
#ifndef HALO_EXECUTOR_CRASH_H
#define HALO_EXECUTOR_CRASH_H

#include "halo/session.h"

struct halo_crash_frame {
  uint64_t at;   /* what runs, then return addresses */
  char name[88]; /* of the library's function, cut; empty for linked-in code */
};

/* From now on crashes are told through this session; the handlers are installed once. */
void halo_crash_attach(struct halo_session *session);

#endif
