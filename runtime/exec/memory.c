/* exec/memory.c: LLVM's SimpleExecutorMemoryManager, as services over arenas.
 *
 * In: requests that name an arena (Instance). Out: memory that holds what was sent, protected as
 * asked, with its finalize actions run. Knows nothing of what the actions do: it reaches them
 * through the session by tag.
 *
 * Wire (SPS): reserve(Instance, u64 bytes) -> Expected<addr>
 *             initialize(Instance, {[segment], [action pair]}) -> Expected<key>
 *               segment: u8 flags, u64 address, u64 bytes, content;  action: u64 function, bytes
 *             deinitialize(Instance, [key]) -> Error;  release(Instance, [address]) -> Error
 */
#include "actions.h"
#include "answer.h"
#include "arena.h"
#include "halo/exec.h"
#include "halo/protocol.h"
#include "halo/sys.h"

#include <string.h>

#define ARENAS 256
#define PAGE_BYTES 4096ull

enum segment_flags { SEGMENT_READ = 1, SEGMENT_WRITE = 2, SEGMENT_EXEC = 4, SEGMENT_FINALIZE = 8 };
#define SEGMENT_LEAST_BYTES (1 + 8 + 8 + 8)

static struct halo_arena *arenas[ARENAS];

int halo_memory_allow_arena(struct halo_arena *arena) {
  struct halo_arena **free_entry = NULL;
  for (size_t i = 0; i < ARENAS; i++) {
    if (arenas[i] == arena)
      return HALO_OK;
    if (!arenas[i] && !free_entry)
      free_entry = &arenas[i];
  }
  if (!free_entry)
    return HALO_E_REFUSED;
  *free_entry = arena;
  return HALO_OK;
}

void halo_memory_forbid_arena(struct halo_arena *arena) {
  for (size_t i = 0; i < ARENAS; i++)
    if (arenas[i] == arena)
      arenas[i] = NULL;
}

static struct halo_arena *read_arena(struct halo_reader *in, struct halo_text *why) {
  uint64_t instance = halo_read_u64(in);
  for (size_t i = 0; i < ARENAS; i++)
    if (arenas[i] && (uint64_t)(uintptr_t)arenas[i] == instance)
      return arenas[i];
  halo_text_add(why, "no such memory arena: ");
  halo_text_add_hex(why, instance);
  return NULL;
}

static void say_address(struct halo_text *why, const char *what, uint64_t address) {
  halo_text_add(why, what);
  halo_text_add_hex(why, address);
}

static int reserve(struct halo_call *call) {
  struct halo_text why = {0};
  struct halo_arena *arena = read_arena(&call->in, &why);
  uint64_t bytes = halo_read_u64(&call->in);
  if (call->in.is_bad)
    return HALO_E_MALFORMED;
  uint64_t address = arena ? halo_arena_reserve(arena, bytes) : 0;
  if (address) {
    halo_answer_value(call->out);
    halo_write_u64(call->out, address);
    return HALO_OK;
  }
  if (arena) {
    halo_text_add(&why, "no address space for ");
    halo_text_add_number(&why, (int64_t)bytes);
    halo_text_add(&why, " bytes within reach of the image (in use: ");
    halo_text_add_number(&why, (int64_t)arena->reserved_bytes);
    halo_text_add(&why, ")");
  }
  halo_answer_failure(call->out, &why);
  return HALO_OK;
}

/* ---- initialize ---- */

struct segment {
  uint8_t flags;
  uint64_t address, bytes;
  struct halo_view content;
};

static struct segment read_segment(struct halo_reader *in) {
  struct segment segment;
  segment.flags = halo_read_u8(in);
  segment.address = halo_read_u64(in);
  segment.bytes = halo_read_u64(in);
  segment.content = halo_read_bytes(in);
  return segment;
}

static long protect(const struct segment *segment, int protection) {
  uint64_t low = segment->address & ~(PAGE_BYTES - 1);
  uint64_t high = (segment->address + segment->bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
  return halo_sys_mprotect((void *)(uintptr_t)low, high - low, protection);
}

static bool check_segment(struct halo_block *block, const struct segment *segment, struct halo_text *why) {
  if (segment->address < block->address || segment->bytes > block->bytes ||
      segment->address - block->address > block->bytes - segment->bytes)
    say_address(why, "segment outside of its allocation: ", segment->address);
  else if (segment->content.bytes > segment->bytes)
    say_address(why, "segment with more content than size: ", segment->address);
  else if ((segment->flags & SEGMENT_WRITE) && (segment->flags & SEGMENT_EXEC))
    say_address(why, "segment both writable and executable: ", segment->address);
  return why->length == 0;
}

static bool place_segment(const struct segment *segment, struct halo_text *why) {
  char *at = (char *)(uintptr_t)segment->address;
  int protection = (segment->flags & SEGMENT_READ ? PROT_READ : 0) |
                   (segment->flags & SEGMENT_WRITE ? PROT_WRITE : 0) |
                   (segment->flags & SEGMENT_EXEC ? PROT_EXEC : 0);
  if (segment->bytes == 0)
    return true;
  long status = protect(segment, PROT_READ | PROT_WRITE);
  if (status == 0) {
    /* Content does not cover zero-fill; pages that were used before must be cleared. */
    if (segment->content.bytes)
      memcpy(at, segment->content.data, segment->content.bytes);
    memset(at + segment->content.bytes, 0, segment->bytes - segment->content.bytes);
    if (segment->flags & SEGMENT_EXEC)
      __builtin___clear_cache(at, at + segment->bytes);
    status = protect(segment, protection);
  }
  if (status < 0) {
    say_address(why, "cannot protect memory at ", segment->address);
    halo_text_add(why, ", errno ");
    halo_text_add_number(why, -status);
  }
  return status == 0;
}

/* Closes segments again: all of them after a failure, those that only finalize actions needed
 * after success. */
static void drop_segments(struct halo_block *block, struct halo_reader in, uint64_t count,
                          bool is_finalize_only) {
  for (; count > 0; count--) {
    struct segment segment = read_segment(&in);
    struct halo_text why = {0};
    if ((is_finalize_only && !(segment.flags & SEGMENT_FINALIZE)) || segment.bytes == 0 ||
        !check_segment(block, &segment, &why))
      continue;
    if (is_finalize_only)
      halo_sys_madvise((void *)(uintptr_t)segment.address, segment.bytes, MADV_DONTNEED);
    protect(&segment, PROT_NONE);
  }
}

/* Walks the whole request once before anything is touched: what follows may trust its lengths. */
static bool is_well_formed(struct halo_reader in) {
  uint64_t segments = halo_read_count(&in, SEGMENT_LEAST_BYTES);
  for (; segments > 0; segments--)
    read_segment(&in);
  halo_actions_skip(&in);
  return !in.is_bad;
}

static uint64_t initialize_in(struct halo_call *call, struct halo_arena *arena, struct halo_text *why) {
  uint64_t count = halo_read_count(&call->in, SEGMENT_LEAST_BYTES);
  struct halo_reader segments = call->in;
  struct halo_block *block = NULL;
  struct halo_writer dealloc = {0};
  uint64_t key = UINT64_MAX;
  if (count == 0)
    halo_text_add(why, "finalization request without segments");
  for (uint64_t i = 0; i < count && !why->length; i++) {
    struct segment segment = read_segment(&call->in);
    if (!block && !(block = halo_arena_find(arena, segment.address, segment.bytes)))
      say_address(why, "segment in no reserved memory: ", segment.address);
    else if (check_segment(block, &segment, why) && place_segment(&segment, why) && segment.address < key)
      key = segment.address;
  }
  if (!why->length && halo_actions_run(call->session, &call->in, &dealloc, why) &&
      (dealloc.is_bad || !halo_region_add(block, key, &dealloc)))
    halo_text_add(why, "no memory for the allocation's record");
  if (block)
    drop_segments(block, segments, count, why->length == 0);
  halo_writer_free(&dealloc);
  return key;
}

static int initialize(struct halo_call *call) {
  struct halo_text why = {0};
  struct halo_arena *arena = read_arena(&call->in, &why);
  uint64_t key = 0;
  if (!is_well_formed(call->in))
    return HALO_E_MALFORMED;
  if (arena)
    key = initialize_in(call, arena, &why);
  if (why.length) {
    halo_answer_failure(call->out, &why);
    return HALO_OK;
  }
  halo_answer_value(call->out);
  halo_write_u64(call->out, key);
  return HALO_OK;
}

/* ---- deinitialize and release: lists of addresses, handled from last to first ---- */

static void deinitialize_one(struct halo_call *call, struct halo_arena *arena, uint64_t key,
                             struct halo_text *why) {
  struct halo_block *block = halo_arena_find(arena, key, 1);
  struct halo_region *region = block ? block->regions : NULL;
  while (region && region->address != key)
    region = region->next;
  if (!region) {
    if (!why->length)
      say_address(why, "no initialized memory at ", key);
    return;
  }
  halo_actions_undo(call->session, halo_region_actions(region), why);
  halo_region_remove(block, region);
}

static void release_one(struct halo_call *call, struct halo_arena *arena, uint64_t address,
                        struct halo_text *why) {
  struct halo_block *block = halo_arena_find(arena, address, 1);
  if (!block || block->address != address) {
    if (!why->length)
      say_address(why, "no reserved memory at ", address);
    return;
  }
  for (struct halo_region *region = block->regions; region; region = region->next)
    halo_actions_undo(call->session, halo_region_actions(region), why);
  halo_debugger_forget(block->address, block->address + block->bytes);
  halo_arena_release(arena, address);
}

typedef void one_fn(struct halo_call *, struct halo_arena *, uint64_t, struct halo_text *);

static int for_each_address(struct halo_call *call, one_fn *handle) {
  struct halo_text why = {0};
  struct halo_arena *arena = read_arena(&call->in, &why);
  uint64_t count = halo_read_count(&call->in, 8);
  if (call->in.is_bad)
    return HALO_E_MALFORMED;
  for (; arena && count > 0; count--) {
    uint64_t address;
    memcpy(&address, call->in.at + (count - 1) * 8, sizeof address);
    handle(call, arena, address, &why);
  }
  halo_answer_error(call->out, &why);
  return HALO_OK;
}

static int deinitialize(struct halo_call *call) { return for_each_address(call, deinitialize_one); }

static int release(struct halo_call *call) { return for_each_address(call, release_one); }

const struct halo_service *halo_memory_services(size_t *count) {
  static const struct halo_service services[] = {
      {HALO_MEMORY_INSTANCE, NULL, 0, NULL}, /* the caller fills in its default arena */
      {"__llvm_orc_SimpleExecutorMemoryManager_reserve_wrapper", reserve, 0, NULL},
      {"__llvm_orc_SimpleExecutorMemoryManager_initialize_wrapper", initialize, 0, NULL},
      {"__llvm_orc_SimpleExecutorMemoryManager_deinitialize_wrapper", deinitialize, 0, NULL},
      {"__llvm_orc_SimpleExecutorMemoryManager_release_wrapper", release, 0, NULL},
  };
  *count = sizeof services / sizeof services[0];
  return services;
}
