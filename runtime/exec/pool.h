/* exec/pool.h: small records of one size, from pages, for threads that may not use malloc.
 *
 * Pages are never given back: records are reused. Zero-initialise with record_bytes set (at least
 * a pointer).
 */
#ifndef HALO_EXEC_POOL_H
#define HALO_EXEC_POOL_H

#include <stddef.h>

struct halo_pool {
  size_t record_bytes;
  void *free; /* linked through each record's first word */
};

void *halo_pool_take(struct halo_pool *pool); /* zeroed; null: no memory */
void halo_pool_give(struct halo_pool *pool, void *record);

#endif
