/* text.h: short messages without stdio, for threads that have no libc state.
 *
 * Appending past the end truncates; the text is always terminated. No locks, no allocation.
 */
#ifndef HALO_TEXT_H
#define HALO_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct halo_text {
  size_t length;
  char data[248];
};

void halo_text_clear(struct halo_text *text);
void halo_text_add(struct halo_text *text, const char *string);
void halo_text_add_bytes(struct halo_text *text, const void *data, size_t bytes);
void halo_text_add_number(struct halo_text *text, int64_t value);
void halo_text_add_hex(struct halo_text *text, uint64_t value); /* with 0x */

#endif
