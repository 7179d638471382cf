/* wire/reader.c: SPS decoding.
 *
 * In: a borrowed buffer. Out: integers and borrowed views. Knows no message layout. All numbers
 * are little-endian, which every architecture in arch/ is.
 */
#include "halo/wire.h"

#include <string.h>

struct halo_reader halo_reader_over(const void *data, size_t bytes) {
  const uint8_t *at = data;
  /* Null data with zero bytes is an empty reader; adding 0 to null would be undefined. */
  return (struct halo_reader){at, bytes ? at + bytes : at, false};
}

static size_t left(const struct halo_reader *reader) {
  return reader->is_bad ? 0 : (size_t)(reader->end - reader->at);
}

static void take(struct halo_reader *reader, void *to, size_t bytes) {
  if (left(reader) < bytes) {
    reader->is_bad = true;
    memset(to, 0, bytes);
    return;
  }
  memcpy(to, reader->at, bytes);
  reader->at += bytes;
}

uint8_t halo_read_u8(struct halo_reader *reader) {
  uint8_t value;
  take(reader, &value, sizeof value);
  return value;
}

uint16_t halo_read_u16(struct halo_reader *reader) {
  uint16_t value;
  take(reader, &value, sizeof value);
  return value;
}

uint32_t halo_read_u32(struct halo_reader *reader) {
  uint32_t value;
  take(reader, &value, sizeof value);
  return value;
}

uint64_t halo_read_u64(struct halo_reader *reader) {
  uint64_t value;
  take(reader, &value, sizeof value);
  return value;
}

struct halo_view halo_read_bytes(struct halo_reader *reader) {
  uint64_t bytes = halo_read_u64(reader);
  if (bytes > left(reader)) {
    reader->is_bad = true;
    bytes = 0;
  }
  struct halo_view view = {reader->at, (size_t)bytes};
  if (bytes)
    reader->at += bytes;
  return view;
}

uint64_t halo_read_count(struct halo_reader *reader, size_t least_bytes) {
  uint64_t count = halo_read_u64(reader);
  if (count > left(reader) / (least_bytes ? least_bytes : 1)) {
    reader->is_bad = true;
    return 0;
  }
  return count;
}
