/* wire/state.h: what a session is made of; private to wire/.
 *
 * Buffers travel: the inbox holds what was read and not yet handled; when a frame is taken out of
 * it, either the payload is copied to a spare buffer or, when less is left behind it than it is
 * long, the inbox itself becomes the payload and a spare becomes the inbox. So large objects are
 * never copied, and nested or concurrent calls each own their bytes.
 */
#ifndef HALO_WIRE_STATE_H
#define HALO_WIRE_STATE_H

#include "halo/session.h"
#include "halo/text.h"
#include "transport.h"

enum halo_opcode {
  HALO_OPCODE_SETUP = 0,
  HALO_OPCODE_HANGUP = 1,
  HALO_OPCODE_RESULT = 2,
  HALO_OPCODE_CALL = 3,
};

#define HALO_FRAME_HEADER_BYTES 32

struct halo_frame { /* as on the wire */
  uint64_t bytes, opcode, sequence, tag;
};

/* One halo_session_call in progress; lives on its caller's stack. */
struct halo_waiter {
  uint64_t sequence;
  struct halo_writer *result;
  bool is_done;
  bool is_asleep; /* has given up its turn to wait; until it has it again */
  int thread, wake_fd;
  struct halo_waiter *next;
};

#define HALO_SPARE_BUFFERS 4
#define HALO_SPARE_BYTES (256u << 10) /* a larger buffer is given back to the kernel */

struct halo_session {
  struct halo_session_options options;
  struct halo_transport transport;
  int status; /* 1 open, 0 the peer hung up, negative halo_status */
  struct halo_writer inbox;
  size_t taken; /* bytes of the inbox that have been handled */
  struct halo_writer spare[HALO_SPARE_BUFFERS];
  struct halo_waiter *waiters;
  uint64_t next_sequence;
  int owner_thread; /* opened the session and runs its outermost loop */
  unsigned moves;   /* to other descriptors */
  int owner_calls;  /* nested halo_session_calls of the owner */
  bool is_owner_reading;
  struct halo_text error;
};

struct halo_payload { /* a frame's payload and the buffer that holds it */
  struct halo_writer buffer;
  const uint8_t *data;
  size_t bytes;
};

struct halo_writer halo_inbox_spare(struct halo_session *session);
void halo_inbox_give_back(struct halo_session *session, struct halo_writer buffer);
/* Reads what there is. 1: something came, 0: nothing now, negative: ended (status is set). */
int halo_inbox_fill(struct halo_session *session);
/* Takes the next whole frame out. 1: taken, 0: not whole yet, negative: malformed (status set).
 * The payload's buffer must be given back. */
int halo_inbox_take(struct halo_session *session, struct halo_frame *frame, struct halo_payload *payload);
/* Would halo_inbox_take do something: take a frame or find a fault? */
bool halo_inbox_is_ready(const struct halo_session *session);
/* Ends the session: notes the reason, wakes every waiter. Returns the status. */
int halo_session_fault(struct halo_session *session, int status, const char *what);

#endif
