/* threads.h: the program's threads, without the monitor's own. Monitor thread only. */
#ifndef HALO_MONITOR_THREADS_H
#define HALO_MONITOR_THREADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HALO_THREADS_LIMIT 1024

/* Fills in up to `limit` thread ids, the oldest first; the number of them. */
size_t halo_threads_list(int *tids, size_t limit);
/* Waits until `fd` (-1: none) is readable, at most `timeout_ns`; may return earlier. False: no
 * thread of the program is left, and this one alone keeps the process from ending. */
bool halo_threads_wait(int fd, uint64_t timeout_ns);
/* A thread under seccomp may be killed for a system call; false also if it is gone. */
bool halo_threads_is_free(int tid);
/* The first thread's mask of blocked signals; all ones if unknown. */
unsigned long halo_threads_blocked_signals(void);

#endif
