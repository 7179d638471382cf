/* timer.h: the sampler where perf is refused: a processor-time timer and a signal per thread.
 *
 * Started, drained and stopped by the monitor's thread; the handler runs on the program's threads,
 * makes no system call
 * and takes no lock. The signal is a real-time
 * one that the program neither handles nor blocks; if the program takes it into use later, the
 * sampler ends. Threads under seccomp are left alone.
 */
#ifndef HALO_MONITOR_TIMER_H
#define HALO_MONITOR_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool halo_timer_start(uint32_t hertz);
void halo_timer_stop(void);
/* Calls `take` with each stack; returns how many found no room. Also follows new threads. */
uint64_t halo_timer_drain(void (*take)(const uint64_t *frames, size_t count));
void halo_timer_after_fork(void);

#endif
