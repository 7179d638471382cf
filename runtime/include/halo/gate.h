/* gate.h: the control block that a gate (compiled by the controller in front of a root) shares
 * with the monitor's trial clock.
 *
 * The gate, for every call of the root:
 *     word  = control->word;                    // one relaxed load
 *     begin = rdtsc();
 *     result = (word & 1) ? variant(args) : ((original *)control->original)(args);
 *     end   = rdtscp(&cpu);
 *     if (control->word == word) {              // a call that spans a switch is dropped
 *         line = &control->line[cpu % HALO_GATE_LINES];
 *         line->ticks[word & 1] += end - begin; // relaxed atomic adds
 *         line->calls[word & 1] += 1;
 *     }
 * The monitor alone writes `word`: bit 0 is the side (0 original, 1 variant), the bits above count
 * slices, so that no two slices have the same word.
 */
#ifndef HALO_GATE_H
#define HALO_GATE_H

#include <stdint.h>

#define HALO_GATE_LINES 64

struct halo_gate_line { /* 64 bytes: one cache line */
  uint64_t ticks[2];
  uint64_t calls[2];
  uint64_t reserved[4];
};

struct halo_gate_control { /* 64-byte aligned, zero-initialised by the object, except `original` */
  uint64_t word;
  uint64_t original; /* entry+2 (or +6): the body past the armed bytes; the monitor writes it */
  uint64_t reserved[6];
  struct halo_gate_line line[HALO_GATE_LINES];
};

#endif
