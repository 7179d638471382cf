/* wire/inbox.c: bytes from the peer into whole frames; see state.h for how buffers travel.
 *
 * Checks every length before it is used: a frame shorter than its header or longer than the limit
 * ends the session, whatever its opcode.
 */
#include "halo/protocol.h"
#include "halo/sys.h"
#include "state.h"

#include <string.h>

#define READ_BYTES (64u << 10)

struct halo_writer halo_inbox_spare(struct halo_session *session) {
  for (int i = 0; i < HALO_SPARE_BUFFERS; i++)
    if (session->spare[i].data) {
      struct halo_writer buffer = session->spare[i];
      session->spare[i] = (struct halo_writer){0};
      halo_writer_reset(&buffer);
      return buffer;
    }
  return (struct halo_writer){0};
}

void halo_inbox_give_back(struct halo_session *session, struct halo_writer buffer) {
  for (int i = 0; i < HALO_SPARE_BUFFERS && buffer.capacity <= HALO_SPARE_BYTES; i++)
    if (!session->spare[i].data) {
      session->spare[i] = buffer;
      return;
    }
  halo_writer_free(&buffer);
}

/* The header of the next frame; false while it is not there. */
static bool peek(const struct halo_session *session, struct halo_frame *frame) {
  if (session->inbox.bytes - session->taken < sizeof *frame)
    return false;
  memcpy(frame, session->inbox.data + session->taken, sizeof *frame);
  return true;
}

static void compact(struct halo_session *session) {
  struct halo_writer *inbox = &session->inbox;
  if (session->taken == 0)
    return;
  inbox->bytes -= session->taken;
  memmove(inbox->data, inbox->data + session->taken, inbox->bytes);
  session->taken = 0;
}

int halo_inbox_fill(struct halo_session *session) {
  struct halo_writer *inbox = &session->inbox;
  struct halo_frame frame;
  size_t want = READ_BYTES;
  compact(session);
  if (peek(session, &frame) && frame.bytes > inbox->bytes && frame.bytes - inbox->bytes > want)
    want = frame.bytes - inbox->bytes; /* the length was checked by halo_inbox_take */
  if (!halo_writer_reserve(inbox, want))
    return halo_session_fault(session, HALO_E_MEMORY, "no memory for a frame");
  long got = halo_transport_read(&session->transport, inbox->data + inbox->bytes, want);
  if (got == -EAGAIN)
    return 0;
  if (got > 0) {
    inbox->bytes += (size_t)got;
    return 1;
  }
  if (got < 0)
    return halo_session_fault(session, HALO_E_GONE, "reading from the peer failed");
  if (inbox->bytes > 0)
    return halo_session_fault(session, HALO_E_GONE, "the peer closed inside a frame");
  session->status = 0;
  halo_session_fault(session, 0, "the peer closed the connection");
  return HALO_E_GONE;
}

/* What is wrong with a header; null: nothing. */
static const char *find_fault(const struct halo_session *session, const struct halo_frame *frame) {
  if (frame->bytes < sizeof *frame)
    return "a frame shorter than its header";
  if (frame->bytes > session->options.frame_limit_bytes)
    return "a frame beyond the size limit";
  if (frame->opcode > HALO_OPCODE_CALL)
    return "a frame with an unknown opcode";
  return NULL;
}

bool halo_inbox_is_ready(const struct halo_session *session) {
  struct halo_frame frame;
  return peek(session, &frame) &&
         (find_fault(session, &frame) || session->inbox.bytes - session->taken >= frame.bytes);
}

int halo_inbox_take(struct halo_session *session, struct halo_frame *frame, struct halo_payload *payload) {
  struct halo_writer *inbox = &session->inbox;
  if (!peek(session, frame))
    return 0;
  const char *fault = find_fault(session, frame);
  if (fault)
    return halo_session_fault(session, HALO_E_MALFORMED, fault);
  if (inbox->bytes - session->taken < frame->bytes)
    return 0;
  size_t begin = session->taken + sizeof *frame;
  size_t bytes = (size_t)frame->bytes - sizeof *frame;
  size_t tail = inbox->bytes - begin - bytes;
  struct halo_writer spare = halo_inbox_spare(session);
  if (bytes <= tail) {
    halo_write_raw(&spare, inbox->data + begin, bytes);
    session->taken = begin + bytes;
    *payload = (struct halo_payload){spare, spare.data, bytes};
  } else {
    halo_write_raw(&spare, inbox->data + begin + bytes, tail);
    *payload = (struct halo_payload){*inbox, inbox->data + begin, bytes};
    *inbox = spare;
    session->taken = 0;
  }
  if (spare.is_bad) {
    halo_inbox_give_back(session, payload->buffer);
    return halo_session_fault(session, HALO_E_MEMORY, "no memory for a frame");
  }
  return 1;
}
