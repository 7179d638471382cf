/* builtins.h: addresses of what a code generator calls without being asked to.
 *
 * Monitor thread. A fixed table of what is linked into the program, then the dynamic symbol tables
 * of the loaded modules, read as data: dlsym locks and needs libc's thread block.
 */
#ifndef HALO_MONITOR_BUILTINS_H
#define HALO_MONITOR_BUILTINS_H

#include <stddef.h>
#include <stdint.h>

uint64_t halo_builtins_find(const char *name, size_t bytes); /* 0: there is none */
/* The same in the dynamic symbol tables alone. */
uint64_t halo_exports_find(const char *name, size_t bytes);
uint64_t halo_exports_find_data(const char *name); /* a variable */

#endif
