/* exec/answer.h: how services put success and failure into SPS results. */
#ifndef HALO_EXEC_ANSWER_H
#define HALO_EXEC_ANSWER_H

#include "halo/text.h"
#include "halo/wire.h"

/* SPSExpected<T>: u8 1 and T, or u8 0 and a message. Both replace what was written before. */
static inline void halo_answer_value(struct halo_writer *out) {
  halo_writer_reset(out);
  halo_write_u8(out, 1);
}
static inline void halo_answer_failure(struct halo_writer *out, const struct halo_text *why) {
  halo_writer_reset(out);
  halo_write_u8(out, 0);
  halo_write_bytes(out, why->data, why->length);
}

/* SPSError: u8 0, or u8 1 and a message; an empty `why` is success. */
static inline void halo_answer_error(struct halo_writer *out, const struct halo_text *why) {
  halo_writer_reset(out);
  halo_write_u8(out, why->length != 0);
  if (why->length)
    halo_write_bytes(out, why->data, why->length);
}

#endif
