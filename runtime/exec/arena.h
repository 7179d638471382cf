/* exec/arena.h: an arena's blocks and regions; private to exec/.
 *
 *     block   one reservation            | region | hole | region |      |
 *     region  one initialized allocation: where its dealloc actions are kept
 */
#ifndef HALO_EXEC_ARENA_H
#define HALO_EXEC_ARENA_H

#include "halo/exec.h"

#define HALO_REGION_INLINE_BYTES 160

/* Dealloc actions are kept as they came: u64 function, u64 length, bytes, one after the other. */
struct halo_region {
  struct halo_region *next;
  uint64_t address;
  size_t action_bytes;
  struct halo_writer overflow; /* used when they do not fit inline */
  uint8_t actions[HALO_REGION_INLINE_BYTES];
};

struct halo_block {
  struct halo_block *next;
  uint64_t address, bytes;
  struct halo_region *regions; /* newest first */
};

/* The block that holds [address, address + bytes); null when none does. */
struct halo_block *halo_arena_find(struct halo_arena *arena, uint64_t address, uint64_t bytes);
/* A region's record; null when there is no memory. */
struct halo_region *halo_region_add(struct halo_block *block, uint64_t address,
                                    const struct halo_writer *actions);
void halo_region_remove(struct halo_block *block, struct halo_region *region);
struct halo_reader halo_region_actions(const struct halo_region *region);

#endif
