/* exec/pool.c: see pool.h. */
#include "pool.h"

#include "halo/sys.h"

#include <string.h>

#define CHUNK_BYTES 4096

static bool grow(struct halo_pool *pool) {
  char *chunk = halo_sys_pages(CHUNK_BYTES);
  if (!chunk)
    return false;
  for (size_t at = 0; at + pool->record_bytes <= CHUNK_BYTES; at += pool->record_bytes)
    halo_pool_give(pool, chunk + at);
  return true;
}

void *halo_pool_take(struct halo_pool *pool) {
  if (!pool->free && !grow(pool))
    return NULL;
  void *record = pool->free;
  if (!record) /* a record larger than a chunk */
    return NULL;
  memcpy(&pool->free, record, sizeof pool->free);
  memset(record, 0, pool->record_bytes);
  return record;
}

void halo_pool_give(struct halo_pool *pool, void *record) {
  memcpy(record, &pool->free, sizeof pool->free);
  pool->free = record;
}
