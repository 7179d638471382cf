/* code.h: writing to code that other threads run.
 *
 * Monitor thread only. The program's pages keep their protection: bytes go through
 * /proc/self/mem, or, where the kernel refuses that, through a brief writable window.
 */
#ifndef HALO_MONITOR_CODE_H
#define HALO_MONITOR_CODE_H

#include <stddef.h>
#include <stdint.h>

/* Once per process (and again after fork), on the monitor's own descriptors: opens
 * /proc/self/mem while the process's own ids still let it, and registers for membarrier. */
void halo_code_begin(void);
/* Copies bytes over code. 0 or HALO_E_REFUSED; what is there afterwards has been compared. The
 * caller sees to it that no thread can be executing more than one changed byte. */
int halo_code_write(uint64_t address, const void *bytes, size_t count);
/* After it returns, no thread of the process executes stale copies of bytes written before. */
void halo_code_sync(void);

#endif
