/* executor/dispatch.h: the way from user code back to the controller.
 *
 * JIT dispatch as LLVM's ORC runtime calls it, from any thread: the session is used in turns. A
 * forked child has no controller: its calls fail with a message and never reach the wire, and it
 * ends, with its output flushed, when the code that forked it returns.
 */
#ifndef HALO_EXECUTOR_DISPATCH_H
#define HALO_EXECUTOR_DISPATCH_H

#include "halo/session.h"

/* Bootstrap symbols: the dispatch function and its context. */
const struct halo_service *halo_dispatch_services(size_t *count);
/* The lock that halo_session_options wants as take_turn and yield_turn. */
void halo_dispatch_take_turn(void *context);
void halo_dispatch_yield_turn(void *context);
/* Dispatch reaches this session from now on; null: none any more. */
void halo_dispatch_attach(struct halo_session *session);

#endif
