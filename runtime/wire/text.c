/* wire/text.c: short messages built in place; see halo/text.h. */
#include "halo/text.h"

#include <string.h>

void halo_text_clear(struct halo_text *text) {
  text->length = 0;
  text->data[0] = 0;
}

void halo_text_add_bytes(struct halo_text *text, const void *data, size_t bytes) {
  size_t room = sizeof text->data - 1 - text->length;
  if (bytes > room)
    bytes = room;
  if (bytes)
    memcpy(text->data + text->length, data, bytes);
  text->length += bytes;
  text->data[text->length] = 0;
}

void halo_text_add(struct halo_text *text, const char *string) {
  halo_text_add_bytes(text, string, strlen(string));
}

static void add_digits(struct halo_text *text, uint64_t value, unsigned base) {
  char digits[20];
  size_t at = sizeof digits;
  do
    digits[--at] = "0123456789abcdef"[value % base];
  while (value /= base);
  halo_text_add_bytes(text, digits + at, sizeof digits - at);
}

void halo_text_add_number(struct halo_text *text, int64_t value) {
  if (value < 0)
    halo_text_add(text, "-");
  add_digits(text, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10);
}

void halo_text_add_hex(struct halo_text *text, uint64_t value) {
  halo_text_add(text, "0x");
  add_digits(text, value, 16);
}
