/* The reader and writer: what is written is read, nothing is read past the end. */
#include "halo/wire.h"
#include "check.h"
#include "halo/text.h"

static void reads_what_was_written(void) {
  struct halo_writer writer = {0};
  size_t hole = halo_write_hole(&writer);
  halo_write_u8(&writer, 0xab);
  halo_write_u16(&writer, 0x1234);
  halo_write_u32(&writer, 0xdeadbeef);
  halo_write_u64(&writer, 0x0123456789abcdefull);
  halo_write_string(&writer, "halo");
  halo_write_bytes(&writer, NULL, 0);
  halo_write_fill(&writer, hole, 77);
  CHECK(!writer.is_bad);
  CHECK_EQUAL(writer.bytes, 8 + 1 + 2 + 4 + 8 + (8 + 4) + 8);
  CHECK_EQUAL(writer.data[9], 0x34); /* little-endian on the wire */

  struct halo_reader reader = halo_reader_over(writer.data, writer.bytes);
  CHECK_EQUAL(halo_read_u64(&reader), 77);
  CHECK_EQUAL(halo_read_u8(&reader), 0xab);
  CHECK_EQUAL(halo_read_u16(&reader), 0x1234);
  CHECK_EQUAL(halo_read_u32(&reader), 0xdeadbeef);
  CHECK_EQUAL(halo_read_u64(&reader), 0x0123456789abcdefll);
  struct halo_view view = halo_read_bytes(&reader);
  CHECK(view.bytes == 4 && memcmp(view.data, "halo", 4) == 0);
  CHECK_EQUAL(halo_read_bytes(&reader).bytes, 0);
  CHECK(!reader.is_bad && reader.at == reader.end);
  halo_writer_free(&writer);
}

static void short_reads_stay_bad(void) {
  uint8_t bytes[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  struct halo_reader reader = halo_reader_over(bytes, sizeof bytes);
  halo_read_u64(&reader);
  CHECK_EQUAL(halo_read_u64(&reader), 0);
  CHECK(reader.is_bad);
  CHECK_EQUAL(halo_read_u8(&reader), 0); /* though there are bytes left */
  CHECK_EQUAL(halo_read_bytes(&reader).bytes, 0);

  struct halo_reader empty = halo_reader_over(NULL, 0);
  CHECK_EQUAL(halo_read_u8(&empty), 0);
  CHECK(empty.is_bad);
}

static void lengths_and_counts_are_bounded(void) {
  struct halo_writer writer = {0};
  halo_write_u64(&writer, UINT64_MAX);
  halo_write_u64(&writer, 1);
  struct halo_reader reader = halo_reader_over(writer.data, writer.bytes);
  CHECK_EQUAL(halo_read_bytes(&reader).bytes, 0);
  CHECK(reader.is_bad);
  reader = halo_reader_over(writer.data, writer.bytes);
  CHECK_EQUAL(halo_read_count(&reader, 8), 0); /* 2^64-1 elements of 8 bytes would wrap */
  CHECK(reader.is_bad);
  reader = halo_reader_over(writer.data + 8, 8);
  CHECK_EQUAL(halo_read_count(&reader, 1), 0); /* one element announced, no byte left */
  CHECK(reader.is_bad);
  halo_writer_free(&writer);
}

static void a_writer_grows_and_is_reused(void) {
  struct halo_writer writer = {0};
  for (uint32_t i = 0; i < 1000000; i++)
    halo_write_u32(&writer, i);
  CHECK(!writer.is_bad);
  struct halo_reader reader = halo_reader_over(writer.data, writer.bytes);
  for (uint32_t i = 0; i < 1000000; i++)
    CHECK_EQUAL(halo_read_u32(&reader), i);
  size_t capacity = writer.capacity;
  halo_writer_reset(&writer);
  CHECK(writer.bytes == 0 && writer.capacity == capacity);
  halo_writer_free(&writer);
  CHECK(!writer.data && !writer.capacity);
}

static void a_writer_without_memory_is_bad_and_quiet(void) {
  struct halo_writer writer = {0};
  halo_write_u8(&writer, 1);
  CHECK(!halo_writer_reserve(&writer, SIZE_MAX - 16));
  CHECK(writer.is_bad);
  halo_write_u64(&writer, 2);
  CHECK_EQUAL(writer.bytes, 1);
  halo_writer_free(&writer);
}

static void texts_truncate(void) {
  struct halo_text text = {0};
  halo_text_add(&text, "value ");
  halo_text_add_number(&text, INT64_MIN);
  halo_text_add(&text, " at ");
  halo_text_add_hex(&text, 0xbeef);
  CHECK(strcmp(text.data, "value -9223372036854775808 at 0xbeef") == 0);
  for (int i = 0; i < 100; i++)
    halo_text_add(&text, "0123456789");
  CHECK_EQUAL(text.length, sizeof text.data - 1);
  CHECK_EQUAL(strlen(text.data), text.length);
}

int main(void) {
  RUN(reads_what_was_written());
  RUN(short_reads_stay_bad());
  RUN(lengths_and_counts_are_bounded());
  RUN(a_writer_grows_and_is_reused());
  RUN(a_writer_without_memory_is_bad_and_quiet());
  RUN(texts_truncate());
  return 0;
}
