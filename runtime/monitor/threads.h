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
/* Ends the calling thread; if it is the last one, the process with the status of the first thread:
 * the kernel takes the status of the last to end. Does not return. */
__attribute__((noreturn)) void halo_threads_end(void);
/* Takes down under which seccomp filters the process began: containers put programs under some that
 * let them work as usual. In the constructor, on the program's thread. */
void halo_threads_begin(void);
/* By the text of a thread's status file: has it come under seccomp since? */
bool halo_threads_is_confined(const char *status);
/* A confined thread may be killed for a system call; false also if it is gone. */
bool halo_threads_is_free(int tid);
/* The first thread's mask of blocked signals; all ones if unknown. */
unsigned long halo_threads_blocked_signals(void);

#endif
