/* trial.h: the clock of trials: which side of a gate runs now, and what it measured.
 *
 * In: a gate's control block (halo/gate.h), the incumbent, slice lengths, how sides take turns, a seed. Out:
 * one record per slice, or one of each side.
 * Monitor thread, except halo_trials_after_fork (the forking thread, in the child).
 * Control blocks are checked before every touch: the controller may have released their memory.
 */
#ifndef HALO_MONITOR_TRIAL_H
#define HALO_MONITOR_TRIAL_H

#include "halo/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define HALO_TRIAL_LIMIT 32

struct halo_trial_plan {
  uint64_t control; /* address of a struct halo_gate_control */
  uint64_t incumbent;
  uint64_t slice_min_ns, slice_max_ns;
  uint64_t slices; /* in all; rounded up to whole pairs */
  uint64_t seed;
  uint64_t longest; /* ticks of a call that is not counted as cut; 0: any */
  uint64_t stride;  /* about one call in as many is timed */
  uint64_t turn_bits;
};

/* A trial's id, or 0 with *status set to a halo_status. */
uint64_t halo_trial_start(const struct halo_trial_plan *plan, int *status);
/* Appends { u8 is_done, sequence<Slice> }. 0 or HALO_E_UNKNOWN. */
int halo_trial_read(uint64_t trial, struct halo_writer *out);
/* The gate stays on its incumbent, untimed. 0 or HALO_E_UNKNOWN. */
int halo_trial_stop(uint64_t trial);
void halo_trials_stop_all(void);
/* Ends the slices that are due; returns when the next one is (CLOCK_MONOTONIC), 0: none runs. */
uint64_t halo_trials_advance(uint64_t now_ns);
void halo_trials_after_fork(void);

#endif
