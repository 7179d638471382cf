/* sample.h: where the program spends its time: stacks, folded.
 *
 * In: samples from perf.h or timer.h. Out: counts per normalized stack since the last read.
 * Monitor thread, except halo_sample_after_fork (the forking thread, in the child).
 */
#ifndef HALO_MONITOR_SAMPLE_H
#define HALO_MONITOR_SAMPLE_H

#include "halo/wire.h"

#include <stdbool.h>
#include <stdint.h>

/* "perf", "timer" or "off". Starting anew with another rate is allowed. */
const char *halo_sample_start(uint32_t hertz);
void halo_sample_stop(void);
uint64_t halo_sample_total(void);
/* Appends { u64 lost, sequence<Stack> } and empties the table. */
void halo_sample_read(struct halo_writer *out);
/* Empties the rings when that is due; returns when it is again (CLOCK_MONOTONIC), 0: off. */
uint64_t halo_sample_advance(uint64_t now_ns);
/* Named code: samples in [address, address+bytes) count for `address`. */
void halo_sample_announce(uint64_t address, uint64_t bytes);
void halo_sample_after_fork(void);

#endif
