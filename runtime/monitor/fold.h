/* fold.h: equal stacks counted once, in bounded memory. Monitor thread only. */
#ifndef HALO_MONITOR_FOLD_H
#define HALO_MONITOR_FOLD_H

#include "halo/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HALO_FOLD_DEPTH 64

/* Leaf first. False: the table is full and the stack is not in it. */
bool halo_fold_add(const uint64_t *frames, size_t count);
/* Appends sequence<Stack { u32 count, sequence<u64> frames }> and empties the table. */
void halo_fold_take(struct halo_writer *out);
void halo_fold_free(void);

#endif
