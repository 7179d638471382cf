/* wire.h: SPS encoding over byte buffers, and the growable buffer they write to.
 *
 * Any thread; no locks, no libc state (the monitor's thread has no libc thread-local storage).
 * A reader never reads past its end: the first short read sets `is_bad`, and from then on every
 * read gives zero or an empty view; check once at the end. A writer that could not grow sets
 * `is_bad` likewise and ignores further writes.
 */
#ifndef HALO_WIRE_H
#define HALO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct halo_view { /* borrowed bytes */
  const uint8_t *data;
  size_t bytes;
};

struct halo_reader {
  const uint8_t *at, *end;
  bool is_bad;
};

struct halo_reader halo_reader_over(const void *data, size_t bytes);
uint8_t halo_read_u8(struct halo_reader *reader);
uint16_t halo_read_u16(struct halo_reader *reader);
uint32_t halo_read_u32(struct halo_reader *reader);
uint64_t halo_read_u64(struct halo_reader *reader);
/* u64 length, then that many bytes; the view borrows from the reader's buffer. */
struct halo_view halo_read_bytes(struct halo_reader *reader);
/* u64 count of elements that take at least `least_bytes` each: bounds it by what is left. */
uint64_t halo_read_count(struct halo_reader *reader, size_t least_bytes);

/* Grows by mmap/mremap (sys.h). Zero-initialise before first use. */
struct halo_writer {
  uint8_t *data;
  size_t bytes, capacity;
  bool is_bad;
};

/* Makes room for that many more bytes beyond `bytes`; false (and is_bad) when there is no memory. */
bool halo_writer_reserve(struct halo_writer *writer, size_t bytes);
void halo_writer_reset(struct halo_writer *writer); /* empties, keeps the memory */
void halo_writer_free(struct halo_writer *writer);
void halo_write_u8(struct halo_writer *writer, uint8_t value);
void halo_write_u16(struct halo_writer *writer, uint16_t value);
void halo_write_u32(struct halo_writer *writer, uint32_t value);
void halo_write_u64(struct halo_writer *writer, uint64_t value);
void halo_write_raw(struct halo_writer *writer, const void *data, size_t bytes);
void halo_write_bytes(struct halo_writer *writer, const void *data, size_t bytes); /* u64 + raw */
void halo_write_string(struct halo_writer *writer, const char *text);
/* Reserves a u64 to be filled in later (a count known at the end); returns its offset. */
size_t halo_write_hole(struct halo_writer *writer);
void halo_write_fill(struct halo_writer *writer, size_t hole, uint64_t value);

#endif
