/* settings.h: what the environment asked for, copied before main.
 *
 * The program may change its environment later, so the strings are copied in the constructor and
 * never looked up again.
 */
#ifndef HALO_MONITOR_SETTINGS_H
#define HALO_MONITOR_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

enum halo_sampler { HALO_SAMPLER_BEST, HALO_SAMPLER_PERF, HALO_SAMPLER_TIMER, HALO_SAMPLER_OFF };

struct halo_settings {
  char server[256];      /* HALO_SERVER; "": the default places */
  char runtime_dir[256]; /* XDG_RUNTIME_DIR */
  enum halo_sampler sampler;
  bool has_perf_map;      /* HALO_PERF_MAP=1 */
  bool is_inert_in_child; /* HALO_FORK=inert */
  uint64_t main_ns;       /* CLOCK_MONOTONIC when the monitor started */
};

extern struct halo_settings halo_settings;

/* Reads the environment. False: be inert (HALO_DISABLE=1). First thread, before main. */
bool halo_settings_read(void);

#endif
