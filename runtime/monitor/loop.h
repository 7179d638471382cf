/* loop.h: the monitor's one thread: connect, serve, wait, again.
 *
 * Sleeps whenever it can: not connected, it wakes for its next attempt only; connected, for the
 * socket and for the nearest deadline of sampling and trials.
 */
#ifndef HALO_MONITOR_LOOP_H
#define HALO_MONITOR_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/* Runs until the process ends, or returns when the monitor has become inert. `delay_ns`: wait
 * before the first attempt. */
void halo_loop_run(uint64_t delay_ns);
/* True once the program was seen to confine itself (seccomp): no new thread in its children. */
bool halo_loop_is_confined(void);

#endif
