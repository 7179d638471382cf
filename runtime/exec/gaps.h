/* exec/gaps.h: holes in this process's memory map. No libc state, no allocation. */
#ifndef HALO_EXEC_GAPS_H
#define HALO_EXEC_GAPS_H

#include <stdint.h>

/* Addresses that every byte of an image reaches with a signed 32-bit displacement. */
struct halo_reach {
  uint64_t low, high;             /* where memory may lie: [low, high) */
  uint64_t image_low, image_high; /* the image itself */
};

struct halo_reach halo_reach_of(uint64_t image_low, uint64_t image_high);
/* The start of a hole of that many bytes (a page multiple); 0 when there is none. Below the image
 * where possible, nearest first; else above it, farthest first: what follows an executable is its
 * heap, which grows upwards. Not directly below a stack, which grows downwards. */
uint64_t halo_gap_find(const struct halo_reach *reach, uint64_t bytes);

#endif
