/* executor/limits.h: what user code may use of the machine. */
#ifndef HALO_EXECUTOR_LIMITS_H
#define HALO_EXECUTOR_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#define HALO_LIMITS_LEAST_BYTES (8u << 20) /* with less, a worker may not even begin */

/* "500M", "8G", or a number of bytes. False: it is none, or too small. */
bool halo_limits_parse(const char *size, uint64_t *bytes);

/* Bounds the data of this process and of those it starts, so that an allocation fails before the
 * kernel ends a process for want of memory, and has this process ended before others then. 0: three
 * quarters of what the machine has, or its control group. */
void halo_limits_set(uint64_t data_bytes);

#endif
