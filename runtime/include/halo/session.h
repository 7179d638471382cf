/* session.h: one SimpleRemoteEPC connection: frames in, service calls, frames out.
 *
 * Mechanism-free: a session knows names and functions, not what they do. Single-threaded: every
 * function is called by the thread that owns the session. The descriptor may be non-blocking.
 */
#ifndef HALO_SESSION_H
#define HALO_SESSION_H

#include "halo/wire.h"

struct halo_call {
  struct halo_reader in;   /* the argument bytes; borrowed for the duration of the call */
  struct halo_writer *out; /* result bytes */
  void *context;           /* as registered */
};

/* Writes its serialized result to call->out and returns 0; on a negative halo_status the session
 * answers with an out-of-band error naming the service and the status. */
typedef int halo_service_fn(struct halo_call *call);

struct halo_service {
  const char *name;    /* bootstrap symbol */
  halo_service_fn *run; /* its address is the call's tag; null: `value` is plain data */
  uint64_t value;      /* for data symbols such as ..._Instance */
  void *context;
};

struct halo_session;

struct halo_session_options {
  const char *triple;
  uint64_t page_bytes;
  const struct halo_service *services;
  size_t service_count;
  uint64_t frame_limit_bytes; /* a longer frame ends the session */
  /* May tags that are no service be called as CWrapperFunctionResult(*)(const char*, size_t)?
   * The stand-alone executor: yes. The monitor: no. */
  bool allows_any_wrapper;
};

/* Takes ownership of the descriptors (in == out for a socket) and sends Setup. Null on failure. */
struct halo_session *halo_session_open(int in, int out, const struct halo_session_options *options);
/* Handles every complete frame that can be read without blocking. 1: still open, 0: the peer hung
 * up in order, negative halo_status: a fault (the reason is in halo_session_error). */
int halo_session_step(struct halo_session *session);
/* Calls a handler on the controller's side and waits for its answer, serving calls meanwhile
 * (the nested message loop). 0, or a negative halo_status. */
int halo_session_call(struct halo_session *session, uint64_t tag, const void *arguments,
                      size_t bytes, struct halo_writer *result);
const char *halo_session_error(const struct halo_session *session);
void halo_session_close(struct halo_session *session); /* sends Hangup if it still can */

#endif
