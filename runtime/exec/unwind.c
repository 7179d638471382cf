/* exec/unwind.c: unwind tables of linked code, made known to the unwinder.
 *
 * In: the range of an .eh_frame section (SPS: begin, end), as an allocation action. Out: an
 * SPSError. In a monitored program tables go into the index (index.h), which takes no lock. The
 * stand-alone executor registers each section with libgcc, on a thread that libc knows: libgcc
 * walks it to its zero terminator, so the walk is made here first, with bounds. When a section's
 * memory goes, its dealloc action has taken it off before.
 *
 * A program may hold two registries: one of a statically linked libgcc_eh (the weak reference) and
 * one in libgcc_s.so.1, used by libstdc++.so. A section goes to both.
 */
#include "unwind.h"
#include "answer.h"
#include "halo/exec.h"
#include "halo/protocol.h"
#include "halo/sys.h"
#include "index.h"
#include "pool.h"
#include "shelf.h"

#include <string.h>

extern void __register_frame_info(const void *begin, void *object) __attribute__((weak));
extern void *__deregister_frame_info(const void *begin) __attribute__((weak));
extern const void *_Unwind_Find_FDE(void *pc, void *bases) __attribute__((weak));

#define REGISTRIES HALO_REGISTRIES
#define OBJECT_BYTES 64 /* libgcc's struct object has 48 bytes in every version so far */

static struct halo_registry registries[REGISTRIES];
static size_t registry_count;
static bool has_latecomer;                      /* a registry that was not there at start and is left alone */
static int (*prepare_on_demand)(bool may_load); /* null: only what was found before */
static bool is_optional;

struct section { /* a registered section; linked so that each is known once */
  struct section *next;
  const void *begin;
  struct halo_frames *frames; /* in the index; null: registered below, or nowhere */
  size_t registry_count;      /* of registries, the first so many */
  uint8_t object[REGISTRIES][OBJECT_BYTES] __attribute__((aligned(16)));
};

static struct halo_pool section_pool = {.record_bytes = sizeof(struct section)};
static struct section *sections;

static bool is_known(halo_register_fn *add) {
  for (size_t i = 0; i < registry_count; i++)
    if (registries[i].add == add)
      return true;
  return false;
}

size_t halo_unwind_tell(struct halo_registry registry) {
  if (registry.add && registry.remove && registry_count < REGISTRIES && !is_known(registry.add))
    registries[registry_count++] = registry;
  return registry_count;
}

size_t halo_unwind_tell_own(void) {
  return halo_unwind_tell(
      (struct halo_registry){__register_frame_info, __deregister_frame_info, _Unwind_Find_FDE});
}

void halo_unwind_on_demand(int (*prepare)(bool may_load)) { prepare_on_demand = prepare; }

size_t halo_unwind_begin(void *add, void *remove, void *find) {
  struct halo_registry registry;
  memcpy(&registry.add, &add, sizeof add);
  memcpy(&registry.remove, &remove, sizeof remove);
  memcpy(&registry.find, &find, sizeof find);
  is_optional = true;
  halo_unwind_tell_own();
  return halo_unwind_tell(registry);
}

bool halo_unwind_cover(uint64_t low, uint64_t high) {
  return halo_index_cover(registries, registry_count, low, high);
}

bool halo_unwind_meet(void *add) {
  halo_register_fn *add_fn;
  memcpy(&add_fn, &add, sizeof add_fn);
  bool is_new = add && !has_latecomer && !is_known(add_fn);
  has_latecomer |= is_new;
  return is_new;
}

/* Records are a u32 length and that many bytes; a zero length ends the section. Length 0xffffffff
 * (64-bit DWARF) is written by no linker here. */
static bool is_terminated(uint64_t begin, uint64_t end) {
  while (end - begin >= 4) {
    uint32_t length;
    memcpy(&length, (const void *)(uintptr_t)begin, sizeof length);
    if (length == 0)
      return true;
    if (length < 4 || length > end - begin - 4)
      return false;
    begin += 4 + (uint64_t)length;
  }
  return false;
}

static void refuse(struct halo_text *why, const char *message, uint64_t begin) {
  halo_text_add(why, message);
  halo_text_add_hex(why, begin);
}

/* C code is let pass where an unwinder came late: exceptions cross it in theory only. */
static bool is_for_latecomer(uint64_t begin, uint64_t end) {
  const char *message;
  struct halo_frames *frames = has_latecomer ? halo_frames_copy(begin, end, &message) : NULL;
  bool needs = has_latecomer && (!frames || frames->has_personality);
  halo_shelf_give(frames);
  return needs;
}

static struct section *keep(struct section record) {
  struct section *section = halo_pool_take(&section_pool);
  if (section) {
    *section = record;
    section->next = sections;
    sections = section;
  }
  return section;
}

static void index_section(uint64_t begin, uint64_t end, struct halo_text *why) {
  const char *message;
  struct section record = {.begin = (const void *)(uintptr_t)begin};
  record.frames = halo_frames_copy(begin, end, &message);
  if (!record.frames) {
    refuse(why, message, begin);
    return;
  }
  struct section *section = keep(record);
  if (section && halo_index_add(record.frames, &message))
    return;
  if (section) {
    sections = section->next;
    halo_pool_give(&section_pool, section);
    refuse(why, message, begin);
  } else {
    halo_text_add(why, "no memory for an unwind table's record");
  }
  halo_shelf_give(record.frames);
}

static void register_section(uint64_t begin, uint64_t end, struct halo_text *why) {
  if (prepare_on_demand && registry_count == 0)
    prepare_on_demand(true);
  if (end <= begin || !is_terminated(begin, end)) {
    refuse(why, "unwind table without a terminator at ", begin);
    return;
  }
  if (*(const uint32_t *)(uintptr_t)begin == 0)
    return; /* empty: libgcc ignores it, and would abort on its removal */
  if (registry_count == 0 && !is_optional) {
    halo_text_add(why, "no unwinder in this process: libgcc_s.so.1 is not loaded");
    return;
  }
  if (is_for_latecomer(begin, end)) {
    refuse(why, "an unwinder was loaded after start and cannot be told of the table at ", begin);
    return;
  }
  if (halo_index_exists()) {
    index_section(begin, end, why);
    return;
  }
  struct section *section =
      keep((struct section){.begin = (const void *)(uintptr_t)begin, .registry_count = registry_count});
  if (!section)
    halo_text_add(why, "no memory for an unwind table's record");
  for (size_t i = 0; section && i < section->registry_count; i++)
    registries[i].add(section->begin, section->object[i]);
}

static void deregister_section(uint64_t begin, struct halo_text *why) {
  for (struct section **at = &sections; *at; at = &(*at)->next) {
    struct section *section = *at;
    if (section->begin != (const void *)(uintptr_t)begin)
      continue;
    *at = section->next;
    for (size_t i = 0; i < section->registry_count; i++)
      registries[i].remove(section->begin);
    if (section->frames && halo_index_remove(section->frames))
      halo_shelf_give(section->frames);
    halo_pool_give(&section_pool, section);
    return;
  }
  if (*(const uint32_t *)(uintptr_t)begin != 0)
    refuse(why, "no registered unwind table at ", begin);
}

static int register_action(struct halo_call *call) {
  struct halo_text why = {0};
  uint64_t begin = halo_read_u64(&call->in), end = halo_read_u64(&call->in);
  if (call->in.is_bad)
    return HALO_E_MALFORMED;
  register_section(begin, end, &why);
  halo_answer_error(call->out, &why);
  return HALO_OK;
}

static int deregister_action(struct halo_call *call) {
  struct halo_text why = {0};
  uint64_t begin = halo_read_u64(&call->in);
  halo_read_u64(&call->in);
  if (call->in.is_bad)
    return HALO_E_MALFORMED;
  deregister_section(begin, &why);
  halo_answer_error(call->out, &why);
  return HALO_OK;
}

const struct halo_service *halo_unwind_services(size_t *count) {
  static const struct halo_service services[] = {
      {"llvm_orc_registerEHFrameAllocAction", register_action, 0, NULL},
      {"llvm_orc_deregisterEHFrameAllocAction", deregister_action, 0, NULL},
  };
  *count = sizeof services / sizeof services[0];
  return services;
}
