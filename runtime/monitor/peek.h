/* peek.h: reads of this process's memory that may be unmapped at any moment.
 *
 * Shared libraries come and go while the monitor looks at them, so nothing outside its own memory
 * is read through a pointer. Monitor thread, constructor and signal handler; no allocation.
 */
#ifndef HALO_MONITOR_PEEK_H
#define HALO_MONITOR_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies all bytes, or returns false and leaves `to` undefined. */
bool halo_peek(uint64_t address, void *to, size_t bytes);
/* Copies up to the first unmapped page: the number of bytes copied. */
size_t halo_peek_some(uint64_t address, void *to, size_t bytes);
/* A string of at most `bytes - 1` characters, always terminated; "" when unreadable. */
void halo_peek_string(uint64_t address, char *to, size_t bytes);

#endif
