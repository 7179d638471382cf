/* perf.h: the sampler that the kernel offers: perf_event_open, task-clock, call chains.
 *
 * Monitor thread only; the descriptors live in its own table and go with it.
 */
#ifndef HALO_MONITOR_PERF_H
#define HALO_MONITOR_PERF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: the kernel refuses, nothing is left open. */
bool halo_perf_start(uint32_t hertz);
void halo_perf_stop(void);
/* Calls `take` with each stack (leaf first, raw addresses); returns how many the kernel dropped. */
uint64_t halo_perf_drain(void (*take)(const uint64_t *frames, size_t count));
/* The child of fork has the mappings' addresses but neither events nor mappings. */
void halo_perf_after_fork(void);

#endif
