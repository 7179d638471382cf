/* executor/freeze.h: the service that leaves a frozen copy of this process behind (halo/keeper.h).
 *
 * "halo_freeze": SPS (u64 id) -> Expected<u64 threads>. 1: there is a frozen copy, which goes on with the
 * connection that it is thawed with, waiting for calls. More: user code has threads alive, which a
 * fork would not copy, and nothing was done.
 */
#ifndef HALO_EXECUTOR_FREEZE_H
#define HALO_EXECUTOR_FREEZE_H

#include "halo/session.h"

#define HALO_EXIT_CUT 121 /* a live process's status: its connection was cut, by what it ran itself */

/* In a live process, first of all: it gets a process group of its own, and the signals that its keeper
 * ignores. */
void halo_freeze_begin(void);

const struct halo_service *halo_freeze_services(size_t *count);

#endif
