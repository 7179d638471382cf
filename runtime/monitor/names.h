/* names.h: /tmp/perf-PID.map, by which perf names linked code; only with HALO_PERF_MAP=1. */
#ifndef HALO_MONITOR_NAMES_H
#define HALO_MONITOR_NAMES_H

#include <stddef.h>
#include <stdint.h>

void halo_names_add(uint64_t address, uint64_t bytes, const char *name, size_t name_bytes);
void halo_names_flush(void); /* nothing is lost on a later crash */
void halo_names_after_fork(void);

#endif
