/* exec/index.c: see index.h.
 *
 *     libgcc's list, sorted by the first address of each object, highest first:
 *
 *     | first object: ~0 | their objects ... | our area | their objects ... | everything: 0 |
 *                                                |
 *                                              vector: key, count, entries by pc ...
 *
 * libgcc 12 asks only the first object that begins at or below the address looked for. An area in
 * memory of ours cannot be hidden by others, nor hide them. Code elsewhere goes to that of our
 * objects which would be asked, if it is one of ours that would: the first object, asked for
 * nothing, shows us the list. An object that libgcc was told of but has not sorted in yet is not
 * seen there. libgcc 13 finds objects by the range of the table they were registered with: an
 * area of ours works there too, everything does not, and the trial tells.
 */
#include "index.h"

#include "halo/exec.h"
#include "shelf.h"

#include <string.h>

#define AREAS 65
#define OBJECTS_SEEN 4096
#define HAS_NO_ENCODING 0x7f8u /* bits of an object not yet looked at: encoding "omit" */
#define IS_SORTED 1u           /* and every pointer absolute */

struct vector { /* libgcc's fde_vector */
  const void *key;
  size_t count;
  const struct halo_fde *entries[];
};

struct object { /* libgcc's object, since 3.0 */
  uint64_t first;
  const void *text_base, *data_base;
  const void *table; /* the section, or the vector when sorted */
  uint64_t bits;
  struct object *next;
  uint64_t spare[2];
};

struct entry { /* one object and the section it was registered with */
  struct object object;
  uint8_t section[HALO_FRAMES_LEAST_BYTES] __attribute__((aligned(8)));
};

struct area {
  uint64_t low, high;
  const struct vector *vector;
  struct entry *entries[HALO_REGISTRIES];
};

static struct area areas[AREAS]; /* everything is the last */
static size_t area_count, registry_count;
static struct entry *first_objects[HALO_REGISTRIES];

/* Addresses in no code, for the sections that objects are registered with. */
static char nowhere[64];
#define LOW_ADDRESS 4096u /* in no module, and below all objects */

static struct vector *make_vector(size_t count) {
  static const char key; /* the address of no section */
  struct vector *vector = halo_shelf_take(sizeof *vector + count * sizeof vector->entries[0]);
  if (vector)
    *vector = (struct vector){.key = &key, .count = count};
  return vector;
}

static void publish(struct area *area, const struct vector *vector) {
  area->vector = vector;
  for (size_t i = 0; i < registry_count; i++)
    __atomic_store_n(&area->entries[i]->object.table, vector, __ATOMIC_RELEASE);
}

static struct entry *enter(const struct halo_registry *registry, const struct vector *vector, uint64_t first,
                           uint64_t low, uint64_t bytes) {
  struct entry *entry = halo_shelf_take(sizeof *entry);
  if (!entry)
    return NULL;
  memset(entry, 0, sizeof *entry);
  halo_frames_write_least(entry->section, low, bytes);
  registry->add(entry->section, &entry->object);
  entry->object.first = first;
  __atomic_store_n(&entry->object.table, vector, __ATOMIC_RELEASE);
  __atomic_store_n(&entry->object.bits, IS_SORTED, __ATOMIC_RELEASE);
  return entry;
}

/* As it was when registered, or libgcc would free the vector. */
static void leave(const struct halo_registry *registry, struct entry *entry) {
  if (!entry)
    return;
  __atomic_store_n(&entry->object.bits, HAS_NO_ENCODING, __ATOMIC_RELEASE);
  __atomic_store_n(&entry->object.table, entry->section, __ATOMIC_RELEASE);
  registry->remove(entry->section);
  halo_shelf_give(entry);
}

static const void *find(const struct halo_registry *registry, uint64_t pc) {
  const void *bases[8];
  return registry->find((void *)(uintptr_t)pc, (void *)bases);
}

/* The first look-up, of nothing, makes libgcc 12 sort its list. */
static bool try_out(const struct halo_registry *registries, struct area *area) {
  uint8_t tables[2][HALO_FRAMES_LEAST_BYTES] __attribute__((aligned(8)));
  const struct halo_fde *entries[2];
  struct vector *vectors[2];
  uint64_t at = area->low ? area->low : LOW_ADDRESS;
  bool is_good = true;
  for (size_t i = 0; i < 2; i++) {
    entries[i] = halo_frames_write_least(tables[i], at + 16 * i, 16);
    vectors[i] = make_vector(1);
    if (!vectors[i])
      return false;
    vectors[i]->entries[0] = entries[i];
  }
  const struct vector *empty = area->vector;
  for (size_t i = 0; i < registry_count; i++)
    is_good &= find(&registries[i], at + 40) == NULL;
  for (size_t j = 0; j < 2 && is_good; j++) {
    publish(area, vectors[j]);
    for (size_t i = 0; i < registry_count; i++)
      is_good &= find(&registries[i], at + 16 * j + 8) == entries[j] &&
                 find(&registries[i], at + 16 * (1 - j) + 8) != entries[1 - j];
  }
  publish(area, empty);
  halo_shelf_give(vectors[0]);
  halo_shelf_give(vectors[1]);
  return is_good;
}

static bool is_everything(const struct area *area) { return area->low == 0; }

/* Whether an object of somebody else's would be asked for `pc` instead of the area's. The list is
 * read while others may change it: each step is checked, and a list that makes no sense hides. */
static bool is_hidden(const struct area *area, uint64_t pc) {
  for (size_t i = 0; i < registry_count; i++) {
    const struct object *at = &first_objects[i]->object;
    for (size_t seen = 0;; seen++) {
      struct object object;
      if (!at || seen == OBJECTS_SEEN ||
          halo_memory_read(&object, (uint64_t)(uintptr_t)at, offsetof(struct object, spare)) != 0)
        return true;
      if (object.first <= pc) {
        if (at != &area->entries[i]->object)
          return true;
        break;
      }
      at = object.next;
    }
  }
  return false;
}

static bool enter_first_objects(const struct halo_registry *registries) {
  for (size_t i = 0; i < registry_count; i++) {
    struct vector *none = make_vector(0);
    if (none && !first_objects[i])
      first_objects[i] = enter(&registries[i], none, UINT64_MAX, (uint64_t)(uintptr_t)nowhere + 48, 1);
    if (!first_objects[i])
      return false;
  }
  return true;
}

static void leave_area(const struct halo_registry *registries, struct area *area) {
  for (size_t i = 0; i < registry_count; i++)
    leave(&registries[i], area->entries[i]);
  if (is_everything(area))
    for (size_t i = 0; i < registry_count; i++) {
      leave(&registries[i], first_objects[i]);
      first_objects[i] = NULL;
    }
  memset(area, 0, sizeof *area);
}

bool halo_index_cover(const struct halo_registry *registries, size_t count, uint64_t low, uint64_t high) {
  bool is_all = low == 0;
  struct area *area = is_all ? &areas[AREAS - 1] : &areas[area_count];
  if (!count || count > HALO_REGISTRIES || area->high || (!is_all && area_count == AREAS - 1))
    return false;
  for (size_t i = 0; i < count; i++)
    if (!registries[i].add || !registries[i].remove || !registries[i].find)
      return false;
  registry_count = count;
  struct vector *empty = make_vector(0);
  if (!empty)
    return false;
  *area = (struct area){.low = low, .high = high, .vector = empty};
  bool is_entered = !is_all || enter_first_objects(registries);
  uint64_t begin = is_all ? (uint64_t)(uintptr_t)nowhere + 49 : low, bytes = is_all ? 1 : high - low;
  for (size_t i = 0; i < count && is_entered; i++) {
    area->entries[i] = enter(&registries[i], empty, low, begin, bytes);
    is_entered = area->entries[i];
  }
  if (!is_entered || !try_out(registries, area)) {
    leave_area(registries, area);
    return false;
  }
  area_count += !is_all;
  return true;
}

bool halo_index_exists(void) { return area_count || areas[AREAS - 1].high; }

/* The area of ours around the code; else, where everything is covered, the one asked for it. */
static struct area *area_for(const struct halo_frames *frames) {
  struct area *all = &areas[AREAS - 1], *nearest = all;
  for (size_t i = 0; i < area_count; i++) {
    if (frames->low >= areas[i].low && frames->high <= areas[i].high)
      return &areas[i];
    if (areas[i].low <= frames->low && areas[i].low > nearest->low)
      nearest = &areas[i];
  }
  return all->high && !is_hidden(nearest, frames->low) && !is_hidden(nearest, frames->high - 1) ? nearest
                                                                                                : NULL;
}

static bool is_part_of(const struct halo_fde *entry, const struct halo_frames *frames) {
  const char *at = (const char *)entry;
  return at > (const char *)frames && at < (const char *)frames->end;
}

bool halo_index_add(struct halo_frames *frames, const char **why) {
  struct area *area = area_for(frames);
  if (frames->count == 0)
    return true;
  *why = "no place in the unwinder's index for the code of the unwind table at ";
  if (!area)
    return false;
  *why = "no memory to index the unwind table at ";
  const struct vector *old = area->vector;
  struct vector *vector = make_vector(old->count + frames->count);
  if (!vector)
    return false;
  size_t from_old = 0, from_new = 0;
  for (size_t i = 0; i < vector->count; i++) {
    bool is_old = from_new == frames->count ||
                  (from_old < old->count && old->entries[from_old]->pc < frames->entries[from_new]->pc);
    vector->entries[i] = is_old ? old->entries[from_old++] : frames->entries[from_new++];
  }
  publish(area, vector);
  frames->area = (size_t)(area - areas);
  halo_shelf_give((void *)(uintptr_t)old);
  return true;
}

/* In place of a vector that no memory can be had for, the old one stays: its entries are copies,
 * which the caller then must not give back either. */
bool halo_index_remove(const struct halo_frames *frames) {
  struct area *area = &areas[frames->area];
  if (frames->count == 0)
    return true;
  const struct vector *old = area->vector;
  struct vector *vector = make_vector(old->count - frames->count);
  if (!vector)
    return false;
  size_t count = 0;
  for (size_t i = 0; i < old->count; i++)
    if (!is_part_of(old->entries[i], frames))
      vector->entries[count++] = old->entries[i];
  publish(area, vector);
  halo_shelf_give((void *)(uintptr_t)old);
  return true;
}
