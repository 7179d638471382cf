/* stacks.h: how far up a stack may be read, without a system call.
 *
 * The monitor's thread lists the writable mappings now and then; a signal handler on any thread
 * asks for the end of the one that holds its stack pointer. No checked reads there: under seccomp a
 * system call may end the program.
 */
#ifndef HALO_MONITOR_STACKS_H
#define HALO_MONITOR_STACKS_H

#include <stdint.h>

/* Monitor thread. Reads /proc/thread-self/maps. */
void halo_stacks_refresh(void);
/* Signal handler. The end of the memory that begins at or before `stack`; where that is not known,
 * the end of its page, which is there because the stack pointer is in it. */
uint64_t halo_stacks_end(uint64_t stack);

#endif
