/* exec/unwind.c: unwind tables of linked code, made known to the unwinder.
 *
 * In: the range of an .eh_frame section (SPS: begin, end), as an allocation action. Out: an
 * SPSError. A section is registered whole: libgcc walks it to its zero terminator, so the walk is
 * made here first, with bounds. The unwinder's bookkeeping lives in our own records. When a
 * section's memory goes, its dealloc action has taken it off before.
 *
 * A program may hold two registries: one of a statically linked libgcc_eh (the weak reference) and
 * one in libgcc_s.so.1, used by libstdc++.so. A section goes to both.
 */
#include "answer.h"
#include "halo/exec.h"
#include "halo/protocol.h"
#include "halo/sys.h"
#include "pool.h"

#include <dlfcn.h>
#include <string.h>

typedef void register_fn(const void *begin, void *object);
typedef void *deregister_fn(const void *begin);

extern void __register_frame_info(const void *begin, void *object) __attribute__((weak));
extern void *__deregister_frame_info(const void *begin) __attribute__((weak));
/* Weak, so that a static executable is not made to carry the dynamic loader. */
extern void *dlopen(const char *path, int mode) __attribute__((weak));
extern void *dlsym(void *handle, const char *name) __attribute__((weak));

#define REGISTRIES 2
#define OBJECT_BYTES 64 /* libgcc's struct object has 48 bytes in every version so far */

static struct registry {
  register_fn *add;
  deregister_fn *remove;
} registries[REGISTRIES];
static size_t registry_count;
static int (*prepare_on_demand)(bool may_load); /* null: only what was found before */
static bool is_optional;

struct section { /* a registered section; linked so that each is known once */
  struct section *next;
  const void *begin;
  size_t registry_count; /* of registries, the first so many */
  uint8_t object[REGISTRIES][OBJECT_BYTES] __attribute__((aligned(16)));
};

static struct halo_pool section_pool = {.record_bytes = sizeof(struct section)};
static struct section *sections;

static void add_registry(register_fn *add, deregister_fn *remove) {
  if (!add || !remove || registry_count >= REGISTRIES)
    return;
  for (size_t i = 0; i < registry_count; i++)
    if (registries[i].add == add)
      return;
  registries[registry_count++] = (struct registry){add, remove};
}

static void add_from(void *handle) {
  register_fn *add;
  deregister_fn *remove;
  /* dlsym gives data pointers; POSIX guarantees that they hold functions. */
  void *symbol = dlsym(handle, "__register_frame_info");
  memcpy(&add, &symbol, sizeof add);
  symbol = dlsym(handle, "__deregister_frame_info");
  memcpy(&remove, &symbol, sizeof remove);
  add_registry(add, remove);
}

int halo_unwind_prepare(bool may_load) {
  add_registry(__register_frame_info, __deregister_frame_info);
  if (dlopen && dlsym) {
    void *loaded = dlopen("libgcc_s.so.1", RTLD_LAZY | RTLD_NOLOAD);
    if (!loaded && registry_count == 0)
      add_from(RTLD_DEFAULT); /* another unwinder with the same interface */
    if (!loaded && registry_count == 0 && may_load)
      loaded = dlopen("libgcc_s.so.1", RTLD_LAZY);
    if (loaded)
      add_from(loaded); /* the handle is kept: the library must stay */
  }
  return (int)registry_count;
}

void halo_unwind_adopt(void *add, void *remove) {
  register_fn *add_fn;
  deregister_fn *remove_fn;
  is_optional = true;
  add_registry(__register_frame_info, __deregister_frame_info);
  memcpy(&add_fn, &add, sizeof add_fn);
  memcpy(&remove_fn, &remove, sizeof remove_fn);
  add_registry(add_fn, remove_fn);
  for (struct section *section = sections; section; section = section->next)
    for (; section->registry_count < registry_count; section->registry_count++)
      registries[section->registry_count].add(section->begin, section->object[section->registry_count]);
}

/* By address, so that a link that never asks for it (the monitor's) leaves dlopen out. */
void halo_unwind_prepare_on_demand(void) { prepare_on_demand = halo_unwind_prepare; }

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

static void register_section(uint64_t begin, uint64_t end, struct halo_text *why) {
  if (prepare_on_demand && registry_count == 0)
    prepare_on_demand(true);
  if (end <= begin || !is_terminated(begin, end)) {
    halo_text_add(why, "unwind table without a terminator at ");
    halo_text_add_hex(why, begin);
    return;
  }
  if (*(const uint32_t *)(uintptr_t)begin == 0)
    return; /* empty: libgcc ignores it, and would abort on its removal */
  if (registry_count == 0 && !is_optional) {
    halo_text_add(why, "no unwinder in this process: libgcc_s.so.1 is not loaded");
    return;
  }
  struct section *section = halo_pool_take(&section_pool);
  if (!section) {
    halo_text_add(why, "no memory for an unwind table's record");
    return;
  }
  section->begin = (const void *)(uintptr_t)begin;
  section->registry_count = registry_count;
  section->next = sections;
  sections = section;
  for (size_t i = 0; i < section->registry_count; i++)
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
    halo_pool_give(&section_pool, section);
    return;
  }
  if (*(const uint32_t *)(uintptr_t)begin != 0) {
    halo_text_add(why, "no registered unwind table at ");
    halo_text_add_hex(why, begin);
  }
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
