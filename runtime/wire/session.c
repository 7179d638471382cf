/* wire/session.c: setup, calls in both directions, hang-up; see halo/session.h.
 *
 * In: frames from inbox.c. Out: frames through transport.c. Knows no service but by name and tag.
 * Every function here that touches the session runs in its thread's turn; foreign code and waiting
 * happen outside of it.
 */
#include "halo/session.h"

#include "halo/protocol.h"
#include "halo/sys.h"
#include "state.h"
#include "wrapper.h"

#include <string.h>

static void take_turn(struct halo_session *session) {
  if (session->options.take_turn)
    session->options.take_turn(session->options.context);
}

static void yield_turn(struct halo_session *session) {
  if (session->options.yield_turn)
    session->options.yield_turn(session->options.context);
}

static void report(struct halo_session *session, const char *message) {
  if (session->options.report)
    session->options.report(session->options.context, message);
}

static void wake(struct halo_waiter *waiter) {
  uint64_t one = 1;
  if (waiter->wake_fd >= 0 && waiter->thread != halo_sys_gettid())
    halo_sys_write(waiter->wake_fd, &one, sizeof one);
}

/* One read may bring frames for several threads. Whoever leaves some of them in the inbox, with
 * its own answer or into foreign code, wakes a thread that waits: the descriptor may never become
 * readable again for these. One is enough, as it reads on or hands over in its turn. A waiter that
 * is not asleep looks into the inbox before it sleeps, and so does an owner that reads. */
static void hand_over(struct halo_session *session) {
  if (session->is_owner_reading || session->status != 1 || !halo_inbox_is_ready(session))
    return;
  for (struct halo_waiter *waiter = session->waiters; waiter; waiter = waiter->next)
    if (waiter->is_asleep) {
      wake(waiter);
      return;
    }
}

/* While the owner waits at the outermost level it reads for everybody, so that calls from the
 * controller run on its thread. When it goes off into foreign code, the other threads that wait
 * for answers are woken to read for themselves. */
void halo_session_yield_turn(struct halo_session *session) {
  if (!session || !session->options.yield_turn)
    return;
  if (halo_sys_gettid() == session->owner_thread) {
    session->is_owner_reading = false;
    for (struct halo_waiter *waiter = session->waiters; waiter; waiter = waiter->next)
      wake(waiter);
  } else {
    hand_over(session);
  }
  yield_turn(session);
}

void halo_session_take_turn(struct halo_session *session) {
  if (!session || !session->options.take_turn)
    return;
  take_turn(session);
  if (halo_sys_gettid() == session->owner_thread && !session->owner_calls)
    session->is_owner_reading = true;
}

int halo_session_fault(struct halo_session *session, int status, const char *what) {
  session->status = status;
  halo_text_clear(&session->error);
  halo_text_add(&session->error, what);
  if (status < 0)
    report(session, session->error.data);
  for (struct halo_waiter *waiter = session->waiters; waiter; waiter = waiter->next)
    wake(waiter);
  return status;
}

/* Sends one frame; a peer that does not take it ends the session. */
static int send_frame(struct halo_session *session, enum halo_opcode opcode, uint64_t sequence, uint64_t tag,
                      const void *data, size_t bytes) {
  struct halo_frame frame = {sizeof frame + bytes, opcode, sequence, tag};
  if (session->status != 1)
    return session->status < 0 ? session->status : HALO_E_GONE;
  int status = halo_transport_send(&session->transport, &frame, sizeof frame, data, bytes,
                                   session->options.stall_limit_ns);
  if (status == 0)
    return HALO_OK;
  return halo_session_fault(session, HALO_E_GONE,
                            status == -ETIMEDOUT ? "the peer takes no data any more"
                                                 : "writing to the peer failed");
}

/* ---- setup ---- */

/* SPS tuple: triple, page size, bootstrap map (empty), bootstrap symbols. */
static int send_setup(struct halo_session *session) {
  const struct halo_session_options *options = &session->options;
  struct halo_writer setup = halo_inbox_spare(session);
  halo_write_string(&setup, options->triple);
  halo_write_u64(&setup, options->page_bytes);
  halo_write_u64(&setup, 0);
  halo_write_u64(&setup, options->service_count);
  for (size_t i = 0; i < options->service_count; i++) {
    const struct halo_service *service = &options->services[i];
    halo_write_string(&setup, service->name);
    halo_write_u64(&setup, service->run ? (uint64_t)(uintptr_t)service->run : service->value);
  }
  int status =
      setup.is_bad ? HALO_E_MEMORY : send_frame(session, HALO_OPCODE_SETUP, 0, 0, setup.data, setup.bytes);
  halo_inbox_give_back(session, setup);
  return status;
}

static void free_session(struct halo_session *session) {
  halo_transport_close(&session->transport);
  halo_writer_free(&session->inbox);
  for (int i = 0; i < HALO_SPARE_BUFFERS; i++)
    halo_writer_free(&session->spare[i]);
  halo_sys_munmap(session, sizeof *session);
}

struct halo_session *halo_session_open(int in, int out, const struct halo_session_options *options) {
  struct halo_session *session = halo_sys_pages(sizeof *session);
  if (!session) {
    halo_sys_close(in);
    if (out != in)
      halo_sys_close(out);
    return NULL;
  }
  session->options = *options;
  if (!session->options.frame_limit_bytes)
    session->options.frame_limit_bytes = 1ull << 30;
  if (!session->options.stall_limit_ns)
    session->options.stall_limit_ns = 20ull * 1000000000u;
  session->status = 1;
  session->next_sequence = 1;
  session->owner_thread = halo_sys_gettid();
  session->is_owner_reading = true;
  if (halo_transport_open(&session->transport, in, out) < 0 || send_setup(session) < 0) {
    free_session(session);
    return NULL;
  }
  return session;
}

/* ---- calls from the controller ---- */

static const struct halo_service *find_service(const struct halo_session *session, uint64_t tag) {
  for (size_t i = 0; i < session->options.service_count; i++) {
    const struct halo_service *service = &session->options.services[i];
    if (service->run && (uint64_t)(uintptr_t)service->run == tag)
      return service;
  }
  return NULL;
}

static void report_failure(struct halo_session *session, const char *name, uint64_t tag, int status,
                           const struct halo_text *why) {
  struct halo_text message;
  halo_text_clear(&message);
  if (name) {
    halo_text_add(&message, name);
  } else {
    halo_text_add(&message, "wrapper function ");
    halo_text_add_hex(&message, tag);
  }
  if (why->length) {
    halo_text_add(&message, ": ");
    halo_text_add(&message, why->data);
  } else {
    halo_text_add(&message, " failed with status ");
    halo_text_add_number(&message, status);
  }
  session->error = message;
  report(session, message.data);
}

static int invoke(struct halo_session *session, uint64_t tag, const void *arguments, size_t bytes,
                  struct halo_writer *out, bool *must_hang_up) {
  const struct halo_service *service = find_service(session, tag);
  struct halo_text why;
  int status = HALO_E_UNKNOWN;
  halo_text_clear(&why);
  if (service) {
    struct halo_call call = {.in = halo_reader_over(arguments, bytes),
                             .out = out,
                             .context = service->context,
                             .session = session};
    status = service->run(&call);
    *must_hang_up = call.must_hang_up;
  } else if (session->options.allows_any_wrapper && tag) {
    halo_session_yield_turn(session);
    status = halo_wrapper_call(tag, arguments, bytes, out, &why);
    halo_session_take_turn(session);
  } else {
    halo_text_add(&why, "there is no such service");
  }
  if (status == HALO_OK && out->is_bad)
    status = HALO_E_MEMORY;
  if (status < 0)
    report_failure(session, service ? service->name : NULL, tag, status, &why);
  return status;
}

int halo_session_invoke(struct halo_session *session, uint64_t tag, const void *arguments, size_t bytes,
                        struct halo_writer *out) {
  bool must_hang_up = false;
  return invoke(session, tag, arguments, bytes, out, &must_hang_up);
}

static void write_hangup(struct halo_session *session, const char *reason) {
  struct halo_writer payload = halo_inbox_spare(session);
  halo_write_u8(&payload, reason != NULL); /* SPSError */
  if (reason)
    halo_write_string(&payload, reason);
  if (!payload.is_bad)
    send_frame(session, HALO_OPCODE_HANGUP, 0, 0, payload.data, payload.bytes);
  halo_inbox_give_back(session, payload);
}

static void handle_call(struct halo_session *session, const struct halo_frame *frame,
                        const struct halo_payload *payload) {
  struct halo_writer out = halo_inbox_spare(session);
  bool must_hang_up = false;
  unsigned moves = session->moves;
  int status = invoke(session, frame->tag, payload->data, payload->bytes, &out, &must_hang_up);
  if (session->moves != moves) {
    /* Who asked is not at the other end any more. */
  } else if (status < 0 && must_hang_up) {
    write_hangup(session, session->error.data);
    halo_session_fault(session, status, "a call failed that has no other way to say so");
  } else {
    send_frame(session, HALO_OPCODE_RESULT, frame->sequence, 0, out.data, status < 0 ? 0 : out.bytes);
  }
  halo_inbox_give_back(session, out);
}

/* ---- results from the controller ---- */

static int handle_result(struct halo_session *session, const struct halo_frame *frame,
                         const struct halo_payload *payload) {
  if (frame->tag)
    return halo_session_fault(session, HALO_E_MALFORMED, "a result with a tag");
  for (struct halo_waiter *waiter = session->waiters; waiter; waiter = waiter->next)
    if (waiter->sequence == frame->sequence && !waiter->is_done) {
      halo_write_raw(waiter->result, payload->data, payload->bytes);
      waiter->is_done = true;
      wake(waiter);
      return 1;
    }
  return halo_session_fault(session, HALO_E_MALFORMED, "a result for no call");
}

/* A hang-up carries an SPSError: why. */
static int handle_hangup(struct halo_session *session, const struct halo_payload *payload) {
  struct halo_reader reader = halo_reader_over(payload->data, payload->bytes);
  if (payload->bytes && halo_read_u8(&reader)) {
    struct halo_view why = halo_read_bytes(&reader);
    struct halo_text message;
    halo_text_clear(&message);
    halo_text_add(&message, "the peer hung up: ");
    halo_text_add_bytes(&message, why.data, why.bytes);
    return halo_session_fault(session, HALO_E_GONE, message.data);
  }
  return halo_session_fault(session, 0, "the peer hung up");
}

/* Handles one frame if there is a whole one. 1: handled, 0: nothing to handle. */
static int handle_next(struct halo_session *session) {
  struct halo_frame frame;
  struct halo_payload payload;
  if (session->status != 1 || halo_inbox_take(session, &frame, &payload) <= 0)
    return 0;
  switch ((enum halo_opcode)frame.opcode) {
  case HALO_OPCODE_SETUP:
    halo_session_fault(session, HALO_E_MALFORMED, "a setup message from the controller");
    break;
  case HALO_OPCODE_HANGUP:
    handle_hangup(session, &payload);
    break;
  case HALO_OPCODE_RESULT:
    handle_result(session, &frame, &payload);
    break;
  case HALO_OPCODE_CALL:
    handle_call(session, &frame, &payload);
    break;
  }
  halo_inbox_give_back(session, payload.buffer);
  return 1;
}

/* ---- the message loop, outermost and nested ---- */

int halo_session_step(struct halo_session *session) {
  take_turn(session);
  do {
    while (handle_next(session))
      ;
  } while (session->status == 1 && halo_inbox_fill(session) > 0);
  int status = session->status;
  yield_turn(session);
  return status;
}

int halo_session_wait(struct halo_session *session, int64_t timeout_ns) {
  take_turn(session);
  bool is_ready = session->status != 1 || halo_inbox_is_ready(session); /* a call may have left some */
  yield_turn(session);
  if (is_ready)
    return 1;
  int status = halo_transport_wait(&session->transport, -1, timeout_ns);
  return status < 0 ? HALO_E_GONE : status;
}

static void drain(const struct halo_waiter *waiter) {
  uint64_t count;
  if (waiter->wake_fd >= 0)
    halo_sys_read(waiter->wake_fd, &count, sizeof count);
}

static void unlink_waiter(struct halo_session *session, struct halo_waiter *waiter) {
  struct halo_waiter **at = &session->waiters;
  while (*at != waiter)
    at = &(*at)->next;
  *at = waiter->next;
}

/* Reads and handles, or sleeps until another thread has read for us. The waiter is linked. */
static int await(struct halo_session *session, struct halo_waiter *waiter) {
  while (!waiter->is_done) {
    if (session->status != 1)
      return session->status < 0 ? session->status : HALO_E_GONE;
    bool is_reader = !session->is_owner_reading || session->owner_thread == waiter->thread;
    if (is_reader && handle_next(session))
      continue;
    if (is_reader && (session->status != 1 || halo_inbox_fill(session) != 0))
      continue;
    waiter->is_asleep = true;
    yield_turn(session);
    halo_transport_wait(is_reader ? &session->transport : NULL, waiter->wake_fd, -1);
    drain(waiter);
    take_turn(session);
    waiter->is_asleep = false;
  }
  return HALO_OK;
}

int halo_session_call(struct halo_session *session, uint64_t tag, const void *arguments, size_t bytes,
                      struct halo_writer *result) {
  struct halo_waiter waiter = {.result = result, .thread = halo_sys_gettid(), .wake_fd = -1};
  bool is_owner = waiter.thread == session->owner_thread;
  if (session->options.take_turn) { /* another thread may read our answer: it must wake us */
    waiter.wake_fd = (int)halo_sys_eventfd(0, O_CLOEXEC | O_NONBLOCK);
    if (waiter.wake_fd < 0)
      return HALO_E_REFUSED;
  }
  take_turn(session);
  session->owner_calls += is_owner;
  waiter.sequence = session->next_sequence++;
  waiter.next = session->waiters;
  session->waiters = &waiter;
  int status = send_frame(session, HALO_OPCODE_CALL, waiter.sequence, tag, arguments, bytes);
  if (status == HALO_OK)
    status = await(session, &waiter);
  unlink_waiter(session, &waiter);
  session->owner_calls -= is_owner;
  hand_over(session);
  yield_turn(session);
  if (waiter.wake_fd >= 0)
    halo_sys_close(waiter.wake_fd);
  if (status == HALO_OK && result->is_bad)
    status = HALO_E_MEMORY;
  return status;
}

int halo_session_move(struct halo_session *session, int in, int out) {
  halo_transport_close(&session->transport);
  session->inbox.bytes = session->taken = 0;
  session->moves++;
  session->waiters = NULL;
  session->owner_calls = 0;
  session->owner_thread = halo_sys_gettid();
  session->is_owner_reading = true;
  session->status = 1;
  if (halo_transport_open(&session->transport, in, out) < 0)
    return halo_session_fault(session, HALO_E_GONE, "the new descriptors cannot be used");
  return HALO_OK;
}

/* ---- the end ---- */

const char *halo_session_error(const struct halo_session *session) { return session->error.data; }

int halo_session_descriptor(const struct halo_session *session) { return session->transport.in; }

void halo_session_hang_up(struct halo_session *session, const char *reason) {
  if (session->status == 1) {
    session->options.stall_limit_ns = 200000000; /* a peer that is stuck does not keep us */
    write_hangup(session, reason);
  }
  free_session(session);
}

void halo_session_close(struct halo_session *session) { halo_session_hang_up(session, NULL); }
