/* entries.c: a hash table by entry address, and the order of steps that arms an entry. */
#include "entries.h"

#include "../arch/entry_x86_64.h"
#include "code.h"
#include "halo/protocol.h"
#include "halo/sys.h"
#include "near.h"
#include "peek.h"

#include <string.h>

#define FIRST_CAPACITY 512
#define REMOVED 1u

static struct halo_entry *table;
static size_t capacity, used; /* used: entries and removed ones */

static size_t place_of(uint64_t entry, size_t mask) {
  return (size_t)((entry >> 4) * 0x9E3779B97F4A7C15u >> 20) & mask;
}

struct halo_entry *halo_entries_find(uint64_t entry) {
  if (!capacity || entry <= REMOVED)
    return NULL;
  for (size_t i = place_of(entry, capacity - 1);; i = (i + 1) & (capacity - 1)) {
    if (table[i].entry == entry)
      return &table[i];
    if (!table[i].entry)
      return NULL;
  }
}

static void put(struct halo_entry *to, size_t to_capacity, const struct halo_entry *value) {
  size_t i = place_of(value->entry, to_capacity - 1);
  while (to[i].entry > REMOVED)
    i = (i + 1) & (to_capacity - 1);
  uint64_t key = value->entry;
  to[i] = *value;
  to[i].entry = 0;
  __atomic_signal_fence(__ATOMIC_SEQ_CST); /* a fork sees the key only with its fields */
  *(volatile uint64_t *)&to[i].entry = key;
}

static bool make_room(void) {
  if (capacity && (used + 1) * 4 < capacity * 3)
    return true;
  size_t bigger = capacity ? capacity * 2 : FIRST_CAPACITY;
  struct halo_entry *to = halo_sys_pages(bigger * sizeof *to);
  if (!to)
    return false;
  size_t kept = 0;
  for (size_t i = 0; i < capacity; i++)
    if (table[i].entry > REMOVED) {
      put(to, bigger, &table[i]);
      kept++;
    }
  struct halo_entry *old = table;
  size_t old_capacity = capacity;
  /* A fork between these stores leaves the child an empty table, from which it recovers by
   * adopting armed entries; never a table shorter than its capacity. */
  __atomic_store_n(&capacity, 0, __ATOMIC_SEQ_CST);
  __atomic_store_n(&table, to, __ATOMIC_SEQ_CST);
  __atomic_store_n(&capacity, bigger, __ATOMIC_SEQ_CST);
  used = kept;
  if (old)
    halo_sys_munmap(old, old_capacity * sizeof *old);
  return true;
}

static void store(uint64_t word, uint64_t value) {
  __atomic_store_n((uint64_t *)(uintptr_t)word, value, __ATOMIC_RELEASE);
}
static void set_slot(const struct halo_entry *entry, uint64_t value) { store(entry->slot, value); }

static bool inspect(uint64_t entry, struct halo_entry_shape *shape) {
  uint8_t view[HALO_ENTRY_VIEW_BYTES];
  return entry % 16 == 0 && entry >= HALO_PREFIX_BYTES &&
         halo_peek(entry - HALO_PREFIX_BYTES, view, sizeof view) && halo_entry_inspect(view, shape);
}

static uint64_t slot_of(uint64_t entry, const struct halo_entry_shape *shape) {
  return entry - HALO_PREFIX_BYTES + 6 + (uint64_t)(int64_t)shape->slot_offset;
}

/* Writes slot and stub; the entry still runs its original. */
static int prepare(uint64_t address) {
  struct halo_entry_shape shape;
  struct halo_image *image = halo_images_containing(address);
  if (!image || address < image->module.text_low || address >= image->module.text_high)
    return HALO_E_GONE;
  if (!inspect(address, &shape))
    return HALO_E_NOT_PATCHABLE;
  if (!make_room())
    return HALO_E_MEMORY;
  struct halo_entry entry = {.entry = address, .body = address + shape.body_offset};
  uint8_t stub[HALO_STUB_BYTES];
  uint64_t stub_at = address - HALO_PREFIX_BYTES, word;
  entry.target = entry.body;
  entry.image = image->id;
  if (shape.is_armed) { /* by us, before a fork that caught the table growing */
    entry.slot = slot_of(address, &shape);
    if (entry.slot % 8 || !halo_peek(entry.slot, &word, sizeof word))
      return HALO_E_NOT_PATCHABLE;
    set_slot(&entry, entry.body);
  } else {
    entry.slot = halo_near_word(image);
    if (!entry.slot || !halo_entry_stub(stub, stub_at, entry.slot))
      return HALO_E_MEMORY;
    set_slot(&entry, entry.body);
    int status = halo_code_write(stub_at, stub, sizeof stub);
    if (status)
      return status;
  }
  put(table, capacity, &entry);
  used++;
  return HALO_OK;
}

/* The one byte. The slot already leads to the original, so any mix of old and new is right. */
static int flip(const struct halo_entry *entry) {
  struct halo_entry_shape shape;
  if (!inspect(entry->entry, &shape))
    return HALO_E_NOT_PATCHABLE;
  const uint8_t armed = HALO_ENTRY_ARMED;
  return shape.is_armed ? HALO_OK : halo_code_write(entry->entry + shape.switch_offset, &armed, 1);
}

/* A library that was closed and opened at the same place has fresh bytes: what the table says of
 * it no longer holds. */
static void verify(uint64_t address) {
  struct halo_entry_shape shape;
  struct halo_entry *entry = halo_entries_find(address);
  if (entry && !(inspect(address, &shape) && shape.is_armed && slot_of(address, &shape) == entry->slot))
    entry->entry = REMOVED;
}

void halo_entries_arm(const uint64_t *entries, size_t count, int32_t *statuses) {
  size_t fresh = 0;
  for (size_t i = 0; i < count; i++)
    verify(entries[i]);
  for (size_t i = 0; i < count; i++) {
    bool is_known = halo_entries_find(entries[i]) != NULL;
    statuses[i] = is_known ? HALO_OK : prepare(entries[i]);
    fresh += !is_known && statuses[i] == HALO_OK;
  }
  if (!fresh)
    return;
  /* From here on every stub is in place and visible to every processor. */
  halo_code_sync();
  for (size_t i = 0; i < count; i++) {
    struct halo_entry *entry = statuses[i] ? NULL : halo_entries_find(entries[i]);
    if (statuses[i])
      continue;
    statuses[i] = entry ? flip(entry) : HALO_E_GONE;
    if (entry && statuses[i])
      entry->entry = REMOVED;
  }
}

void halo_entries_point(struct halo_entry *entry, uint64_t target) {
  entry->target = target ? target : entry->body;
  entry->is_counting = false;
  if (entry->next)
    store(entry->next, entry->target);
  set_slot(entry, entry->target);
}

static uint64_t read_counter(const struct halo_entry *entry) {
  return __atomic_load_n((uint64_t *)(uintptr_t)entry->counter, __ATOMIC_RELAXED);
}

int halo_entries_count(struct halo_entry *entry) {
  struct halo_image *image = halo_images_by_id(entry->image);
  if (!image)
    return HALO_E_GONE;
  if (!entry->thunk) {
    uint8_t code[HALO_THUNK_BYTES];
    uint64_t counter = halo_near_word(image), next = counter ? halo_near_word(image) : 0;
    uint64_t thunk = next ? halo_near_thunk(image) : 0;
    if (!thunk || !halo_entry_thunk(code, thunk, counter, next))
      return HALO_E_MEMORY;
    store(next, entry->target);
    int status = halo_code_write(thunk, code, sizeof code);
    if (status)
      return status;
    halo_code_sync();
    entry->counter = counter;
    entry->next = next;
    entry->thunk = thunk;
  }
  entry->count_base = read_counter(entry);
  entry->is_counting = true;
  set_slot(entry, entry->thunk);
  return HALO_OK;
}

uint64_t halo_entries_calls(const struct halo_entry *entry) {
  return entry->counter ? read_counter(entry) - entry->count_base : 0;
}

void halo_entries_stop_counting(void) {
  for (size_t i = 0; i < capacity; i++)
    if (table[i].entry > REMOVED && table[i].is_counting)
      halo_entries_point(&table[i], table[i].target);
}

uint64_t halo_entries_retire_all(void) {
  uint64_t changed = 0;
  for (size_t i = 0; i < capacity; i++)
    if (table[i].entry > REMOVED) {
      changed += table[i].is_counting || table[i].target != table[i].body;
      halo_entries_point(&table[i], 0);
    }
  return changed;
}

void halo_entries_forget_image(struct halo_image *image) {
  for (size_t i = 0; i < capacity; i++)
    if (table[i].entry > REMOVED && table[i].image == image->id)
      table[i].entry = REMOVED;
}

void halo_entries_after_fork(void) { halo_entries_stop_counting(); }
