/* sys.h: the kernel, without libc state.
 *
 * Thin inline wrappers over raw system calls: they return the result or -errno and never touch
 * errno, because the monitor's thread (made by a raw clone, so that the program stays
 * single-threaded in libc's eyes: __libc_single_threaded, stdio locks, pthread_exit of the last
 * thread, seteuid) has no libc thread-local storage. Only sys/ and arch/ may hold #ifdef.
 * Code that runs on the monitor's thread calls these and pure functions (memcpy, memset, memcmp),
 * never malloc, stdio, errno or anything that locks in libc.
 */
#ifndef HALO_SYS_H
#define HALO_SYS_H

#include "../../sys/linux.h"

#endif
