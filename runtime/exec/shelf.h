/* exec/shelf.h: memory that other threads may still be reading when it is given back.
 *
 * Pieces are 64 bytes to 32 MiB in powers of two, from pages that are never unmapped. A piece that
 * was given back rests for a minute before it is handed out again: a reader that took its address
 * before the replacement was published has left it by then. The clock does not count what the
 * whole process slept through (SIGSTOP, a debugger, a frozen container). One thread.
 */
#ifndef HALO_EXEC_SHELF_H
#define HALO_EXEC_SHELF_H

#include <stddef.h>

void *halo_shelf_take(size_t bytes); /* 16-byte aligned, not cleared; null: no memory */
void halo_shelf_give(void *piece);   /* null is allowed */

#endif
