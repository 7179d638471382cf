/* wire/writer.c: the growable buffer and SPS encoding into it.
 *
 * Grows by whole pages through mmap and mremap, so it works on a thread without libc state.
 * Knows no message layout.
 */
#include "halo/sys.h"
#include "halo/wire.h"

#include <string.h>

/* Doubles from one page; a size that does not fit is a failure like any other. */
bool halo_writer_reserve(struct halo_writer *writer, size_t bytes) {
  if (writer->is_bad)
    return false;
  if (bytes <= writer->capacity - writer->bytes)
    return true;
  size_t need, capacity = writer->capacity ? writer->capacity : 4096;
  if (__builtin_add_overflow(writer->bytes, bytes, &need) || need > SIZE_MAX / 4) {
    writer->is_bad = true;
    return false;
  }
  while (capacity < need)
    capacity *= 2;
  long at = writer->data ? halo_sys_mremap(writer->data, writer->capacity, capacity, MREMAP_MAYMOVE)
                         : (long)halo_sys_pages(capacity);
  if (at == 0 || halo_sys_failed(at)) {
    writer->is_bad = true;
    return false;
  }
  writer->data = (uint8_t *)at;
  writer->capacity = capacity;
  return true;
}

void halo_writer_reset(struct halo_writer *writer) {
  writer->bytes = 0;
  writer->is_bad = false;
}

void halo_writer_free(struct halo_writer *writer) {
  if (writer->data)
    halo_sys_munmap(writer->data, writer->capacity);
  *writer = (struct halo_writer){0};
}

void halo_write_raw(struct halo_writer *writer, const void *data, size_t bytes) {
  if (!halo_writer_reserve(writer, bytes) || bytes == 0)
    return;
  memcpy(writer->data + writer->bytes, data, bytes);
  writer->bytes += bytes;
}

void halo_write_u8(struct halo_writer *writer, uint8_t value) {
  halo_write_raw(writer, &value, sizeof value);
}

void halo_write_u16(struct halo_writer *writer, uint16_t value) {
  halo_write_raw(writer, &value, sizeof value);
}

void halo_write_u32(struct halo_writer *writer, uint32_t value) {
  halo_write_raw(writer, &value, sizeof value);
}

void halo_write_u64(struct halo_writer *writer, uint64_t value) {
  halo_write_raw(writer, &value, sizeof value);
}

void halo_write_bytes(struct halo_writer *writer, const void *data, size_t bytes) {
  halo_write_u64(writer, bytes);
  halo_write_raw(writer, data, bytes);
}

void halo_write_string(struct halo_writer *writer, const char *text) {
  halo_write_bytes(writer, text, strlen(text));
}

size_t halo_write_hole(struct halo_writer *writer) {
  size_t at = writer->bytes;
  halo_write_u64(writer, 0);
  return at;
}

void halo_write_fill(struct halo_writer *writer, size_t hole, uint64_t value) {
  if (!writer->is_bad && hole + sizeof value <= writer->bytes)
    memcpy(writer->data + hole, &value, sizeof value);
}
