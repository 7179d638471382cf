/* exec/actions.c: see actions.h. */
#include "actions.h"

#include "halo/protocol.h"

#define LEAST_BYTES (8 + 8) /* a function and the length of its arguments */

/* Runs one action; its result is an SPSError. */
static bool run_action(struct halo_session *session, uint64_t function, struct halo_view arguments,
                       struct halo_text *why) {
  struct halo_writer out = {0};
  int status = session ? halo_session_invoke(session, function, arguments.data, arguments.bytes, &out)
                       : HALO_E_UNKNOWN;
  struct halo_reader result = halo_reader_over(out.data, out.bytes);
  bool has_error = status < 0 || halo_read_u8(&result) != 0 || result.is_bad;
  if (has_error) {
    struct halo_view message = status < 0 ? (struct halo_view){0} : halo_read_bytes(&result);
    halo_text_add(why, "allocation action ");
    halo_text_add_hex(why, function);
    halo_text_add(why, " failed: ");
    if (message.bytes)
      halo_text_add_bytes(why, message.data, message.bytes);
    else
      halo_text_add_number(why, status);
  }
  halo_writer_free(&out);
  return !has_error;
}

/* Found by walking: they are few. */
void halo_actions_undo(struct halo_session *session, struct halo_reader all, struct halo_text *why) {
  size_t count = 0;
  for (struct halo_reader at = all; at.at < at.end && !at.is_bad; count++) {
    halo_read_u64(&at);
    halo_read_bytes(&at);
  }
  while (count > 0) {
    struct halo_reader at = all;
    uint64_t function = 0;
    struct halo_view arguments = {0};
    struct halo_text message = {0};
    count--;
    for (size_t i = 0; i <= count; i++) {
      function = halo_read_u64(&at);
      arguments = halo_read_bytes(&at);
    }
    if (!run_action(session, function, arguments, &message) && !why->length)
      *why = message;
  }
}

bool halo_actions_run(struct halo_session *session, struct halo_reader *in, struct halo_writer *dealloc,
                      struct halo_text *why) {
  for (uint64_t count = halo_read_count(in, 2 * LEAST_BYTES); count > 0; count--) {
    uint64_t function = halo_read_u64(in);
    struct halo_view arguments = halo_read_bytes(in);
    uint64_t undo = halo_read_u64(in);
    struct halo_view undo_arguments = halo_read_bytes(in);
    if (function && !run_action(session, function, arguments, why)) {
      struct halo_text ignored = {0};
      halo_actions_undo(session, halo_reader_over(dealloc->data, dealloc->bytes), &ignored);
      return false;
    }
    if (undo) {
      halo_write_u64(dealloc, undo);
      halo_write_bytes(dealloc, undo_arguments.data, undo_arguments.bytes);
    }
  }
  return true;
}

void halo_actions_skip(struct halo_reader *in) {
  for (uint64_t halves = 2 * halo_read_count(in, 2 * LEAST_BYTES); halves > 0; halves--) {
    halo_read_u64(in);
    halo_read_bytes(in);
  }
}
