/* session.h: one SimpleRemoteEPC connection: frames in, service calls, frames out.
 *
 * A frame, as LLVM's SimpleRemoteEPC 22 defines it (little-endian u64 each, then the payload):
 *
 *     0       8        16         24    32
 *     | size  | opcode | sequence | tag | payload ...        size counts from 0
 *
 * Mechanism-free: a session knows names and functions, not what they do. One thread owns the
 * session; a process whose other threads call too gives `take_turn`/`yield_turn`. No libc state is
 * used unless `allows_any_wrapper` (such wrappers return memory that is given back by free()).
 * Descriptors are never waited on except in halo_session_call (for its answer) and, for at most
 * `stall_limit_ns` without progress, when the peer does not take what is sent.
 */
#ifndef HALO_SESSION_H
#define HALO_SESSION_H

#include "halo/wire.h"

struct halo_session;

struct halo_call {
  struct halo_reader in;        /* the argument bytes; borrowed for the duration of the call */
  struct halo_writer *out;      /* result bytes */
  void *context;                /* as registered */
  struct halo_session *session; /* null when a test calls a service directly */
  bool must_hang_up;            /* out: the result type cannot carry a failure; end the session */
};

/* Writes its serialized result to call->out and returns 0. On a negative halo_status the session
 * answers with an empty result: that is all the out-of-band error LLVM 22's wire can carry, and
 * callers that expect a value read it as "could not deserialize". The reason goes to `report`.
 * Where a failure can be told in the result itself (SPSExpected, SPSError), services do that. */
typedef int halo_service_fn(struct halo_call *call);

struct halo_service {
  const char *name;     /* bootstrap symbol */
  halo_service_fn *run; /* its address is the call's tag; null: `value` is plain data */
  uint64_t value;       /* for data symbols such as ..._Instance */
  void *context;
};

struct halo_session_options {
  const char *triple;
  uint64_t page_bytes;
  const struct halo_service *services; /* must outlive the session */
  size_t service_count;
  uint64_t frame_limit_bytes; /* a longer frame ends the session; 0: 1 GiB */
  uint64_t stall_limit_ns;    /* how long to wait for a peer that does not read; 0: 20 s */
  /* May tags that are no service be called as CWrapperFunctionResult(*)(const char*, size_t)?
   * The stand-alone executor: yes. The monitor: no. */
  bool allows_any_wrapper;
  /* A message worth logging; may be null. Called on the thread that noticed. */
  void (*report)(void *context, const char *message);
  /* Both null: only one thread uses the session. Else a lock, not recursive: held while session
   * state is touched, yielded while waiting and while foreign code runs. */
  void (*take_turn)(void *context);
  void (*yield_turn)(void *context);
  void *context; /* for the three above */
};

/* Takes ownership of the descriptors (in == out for a socket), also on failure, and sends Setup.
 * Pipes are made non-blocking. Null on failure. */
struct halo_session *halo_session_open(int in, int out, const struct halo_session_options *options);
/* Handles every complete frame that can be read without blocking. 1: still open, 0: the peer hung
 * up in order, negative halo_status: a fault (the reason is in halo_session_error). */
int halo_session_step(struct halo_session *session);
/* Waits until there is something to read (or timeout_ns passed; negative: for ever). 1: ready,
 * 0: time is up, negative: a fault. Any thread. */
int halo_session_wait(struct halo_session *session, int64_t timeout_ns);
/* Calls a handler on the controller's side and waits for its answer, serving calls meanwhile
 * (the nested message loop). 0, or a negative halo_status. */
int halo_session_call(struct halo_session *session, uint64_t tag, const void *arguments, size_t bytes,
                      struct halo_writer *result);
/* Runs a service or wrapper function by its tag, as a CallWrapper frame would: for allocation
 * actions. 0 with its result in `out`, or a negative halo_status. */
int halo_session_invoke(struct halo_session *session, uint64_t tag, const void *arguments, size_t bytes,
                        struct halo_writer *out);
/* For services that run code which may come back into the session from any thread. */
void halo_session_yield_turn(struct halo_session *session);
void halo_session_take_turn(struct halo_session *session);

/* Inside a service, in a copy of the process that nobody has asked anything: goes on with other
 * descriptors, which become the session's. What was received is dropped; the service's answer is
 * not sent. 0, or a negative halo_status. */
int halo_session_move(struct halo_session *session, int in, int out);

const char *halo_session_error(const struct halo_session *session);
int halo_session_descriptor(const struct halo_session *session); /* to poll for input */
/* Sends Hangup if it still can (`reason` null: in order), closes the descriptors, frees all. */
void halo_session_hang_up(struct halo_session *session, const char *reason);
void halo_session_close(struct halo_session *session); /* hang up in order */

#endif
