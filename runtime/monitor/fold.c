/* fold.c: open addressing over (hash, count, place of the frames in a pool). */
#include "fold.h"

#include "halo/sys.h"

#include <string.h>

#define STACK_SLOTS 4096 /* 64 KiB */
#define STACK_LIMIT 3072
#define POOL_FRAMES 32768 /* 256 KiB, touched as needed */

struct stack {
  uint32_t count; /* 0: free */
  uint32_t depth;
  uint32_t at; /* in the pool */
  uint32_t hash;
};

struct table {
  struct stack stacks[STACK_SLOTS];
  uint64_t pool[POOL_FRAMES];
};

static struct table *table;
static uint32_t used, pool_used;

static uint32_t hash_of(const uint64_t *frames, size_t count) {
  uint64_t hash = count;
  for (size_t i = 0; i < count; i++)
    hash = (hash ^ frames[i]) * 0x9E3779B97F4A7C15u, hash ^= hash >> 29;
  return (uint32_t)(hash >> 16);
}

bool halo_fold_add(const uint64_t *frames, size_t count) {
  if (!table && !(table = halo_sys_pages(sizeof *table)))
    return false;
  uint32_t hash = hash_of(frames, count);
  for (uint32_t i = hash % STACK_SLOTS;; i = (i + 1) % STACK_SLOTS) {
    struct stack *stack = &table->stacks[i];
    if (!stack->count) {
      if (used == STACK_LIMIT || pool_used + count > POOL_FRAMES)
        return false;
      *stack = (struct stack){1, (uint32_t)count, pool_used, hash};
      memcpy(&table->pool[pool_used], frames, count * sizeof frames[0]);
      pool_used += (uint32_t)count;
      used++;
      return true;
    }
    if (stack->hash == hash && stack->depth == count &&
        !memcmp(&table->pool[stack->at], frames, count * sizeof frames[0])) {
      stack->count++;
      return true;
    }
  }
}

void halo_fold_take(struct halo_writer *out) {
  halo_write_u64(out, used);
  for (uint32_t i = 0; i < STACK_SLOTS && used; i++) {
    const struct stack *stack = &table->stacks[i];
    if (!stack->count)
      continue;
    halo_write_u32(out, stack->count);
    halo_write_u64(out, stack->depth);
    halo_write_raw(out, &table->pool[stack->at], stack->depth * sizeof table->pool[0]);
  }
  if (used)
    memset(table->stacks, 0, sizeof table->stacks);
  used = pool_used = 0;
}

void halo_fold_free(void) {
  if (table)
    halo_sys_munmap(table, sizeof *table);
  table = NULL;
  used = pool_used = 0;
}
