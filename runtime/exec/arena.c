/* exec/arena.c: address space near an image.
 *
 * In: the image's range. Out: PROT_NONE reservations that 32-bit relative addresses of the image
 * reach. Gaps come from gaps.c. Knows nothing of what the memory is for.
 */
#include "arena.h"

#include "gaps.h"
#include "halo/protocol.h"
#include "halo/sys.h"
#include "pool.h"

#include <string.h>

#define DEFAULT_LIMIT_BYTES (512ull << 20)
#define PAGE_BYTES 4096ull
#define ATTEMPTS 4
#define HOME_ATTEMPTS 16

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static struct halo_pool block_pool = {.record_bytes = sizeof(struct halo_block)};
static struct halo_pool region_pool = {.record_bytes = sizeof(struct halo_region)};

void halo_arena_init(struct halo_arena *arena, uint64_t low, uint64_t high) {
  *arena = (struct halo_arena){.low = low, .high = high};
}

/* Maps exactly there or nowhere. Kernels before 4.17 take the address as a hint only. */
static bool map_at(uint64_t address, uint64_t bytes) {
  long at = halo_sys_mmap((void *)(uintptr_t)address, bytes, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (halo_sys_failed(at))
    return false;
  if ((uint64_t)at == address)
    return true;
  halo_sys_munmap((void *)at, bytes);
  return false;
}

/* Below the image from near to far, then from the far end above: as gaps.c does, without looking. */
bool halo_arena_settle(struct halo_arena *arena, uint64_t bytes) {
  struct halo_reach reach = halo_reach_of(arena->low, arena->high);
  uint64_t image_low = arena->low & ~(PAGE_BYTES - 1);
  for (uint64_t i = 1; i <= HOME_ATTEMPTS; i++) {
    uint64_t below = image_low - i * bytes, above = reach.high - i * bytes;
    uint64_t address = 0;
    if (image_low > i * bytes && below >= reach.low && map_at(below, bytes))
      address = below;
    else if (above > reach.image_high && above < reach.high && map_at(above, bytes))
      address = above;
    if (address) {
      arena->home_low = address;
      arena->home_high = address + bytes;
      return true;
    }
  }
  return false;
}

/* The highest room between the blocks of the home; 0: none. */
static uint64_t reserve_at_home(const struct halo_arena *arena, uint64_t bytes) {
  uint64_t high = arena->home_high;
  while (high >= arena->home_low + bytes && high - bytes < high) {
    const struct halo_block *block = arena->blocks;
    while (block && (block->address >= high || block->address + block->bytes <= high - bytes))
      block = block->next;
    if (!block)
      return high - bytes;
    high = block->address;
  }
  return 0;
}

static bool is_at_home(const struct halo_arena *arena, const struct halo_block *block) {
  return block->address >= arena->home_low && block->address < arena->home_high;
}

static void unmap(const struct halo_arena *arena, const struct halo_block *block) {
  void *address = (void *)(uintptr_t)block->address;
  if (is_at_home(arena, block)) /* others must not come to live there */
    halo_sys_mmap(address, block->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
                  -1, 0);
  else
    halo_sys_munmap(address, block->bytes);
}

/* The last block's lower neighbour is tried first: no look at the memory map, and blocks merge
 * into one mapping. Else the map is searched; another thread may be faster, so try again. */
static uint64_t reserve_near(const struct halo_arena *arena, uint64_t bytes) {
  struct halo_reach reach = halo_reach_of(arena->low, arena->high);
  const struct halo_block *last = arena->blocks;
  uint64_t home = reserve_at_home(arena, bytes);
  if (home)
    return home;
  if (last && !is_at_home(arena, last) && last->address >= reach.low + bytes &&
      map_at(last->address - bytes, bytes))
    return last->address - bytes;
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    uint64_t address = halo_gap_find(&reach, bytes);
    if (!address || map_at(address, bytes))
      return address;
  }
  return 0;
}

static uint64_t reserve_anywhere(uint64_t bytes) {
  long at = halo_sys_mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return halo_sys_failed(at) ? 0 : (uint64_t)at;
}

uint64_t halo_arena_reserve(struct halo_arena *arena, uint64_t bytes) {
  uint64_t limit = arena->limit_bytes ? arena->limit_bytes : DEFAULT_LIMIT_BYTES;
  if (bytes == 0 || bytes > limit)
    return 0;
  bytes = (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
  if (arena->reserved_bytes + bytes > limit)
    return 0;
  struct halo_block *block = halo_pool_take(&block_pool);
  if (!block)
    return 0;
  block->address = arena->high ? reserve_near(arena, bytes) : reserve_anywhere(bytes);
  if (!block->address) {
    halo_pool_give(&block_pool, block);
    return 0;
  }
  block->bytes = bytes;
  block->next = arena->blocks;
  arena->blocks = block;
  arena->reserved_bytes += bytes;
  return block->address;
}

int halo_arena_release(struct halo_arena *arena, uint64_t address) {
  for (struct halo_block **at = &arena->blocks; *at; at = &(*at)->next) {
    struct halo_block *block = *at;
    if (block->address != address)
      continue;
    while (block->regions)
      halo_region_remove(block, block->regions);
    unmap(arena, block);
    arena->reserved_bytes -= block->bytes;
    *at = block->next;
    halo_pool_give(&block_pool, block);
    return HALO_OK;
  }
  return HALO_E_UNKNOWN;
}

struct halo_block *halo_arena_find(struct halo_arena *arena, uint64_t address, uint64_t bytes) {
  for (struct halo_block *block = arena->blocks; block; block = block->next)
    if (address >= block->address && bytes <= block->bytes &&
        address - block->address <= block->bytes - bytes)
      return block;
  return NULL;
}

struct halo_region *halo_region_add(struct halo_block *block, uint64_t address,
                                    const struct halo_writer *actions) {
  struct halo_region *region = halo_pool_take(&region_pool);
  if (!region)
    return NULL;
  region->address = address;
  region->action_bytes = actions->bytes;
  if (actions->bytes <= sizeof region->actions) {
    if (actions->bytes)
      memcpy(region->actions, actions->data, actions->bytes);
  } else {
    halo_write_raw(&region->overflow, actions->data, actions->bytes);
    if (region->overflow.is_bad) {
      halo_pool_give(&region_pool, region);
      return NULL;
    }
  }
  region->next = block->regions;
  block->regions = region;
  return region;
}

void halo_region_remove(struct halo_block *block, struct halo_region *region) {
  struct halo_region **at = &block->regions;
  while (*at != region)
    at = &(*at)->next;
  *at = region->next;
  halo_writer_free(&region->overflow);
  halo_pool_give(&region_pool, region);
}

struct halo_reader halo_region_actions(const struct halo_region *region) {
  const uint8_t *from = region->overflow.data ? region->overflow.data : region->actions;
  return halo_reader_over(from, region->action_bytes);
}
