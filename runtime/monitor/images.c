/* images.c: the table of Halo images and how it follows the loader. */
#include "images.h"

#include "halo/image.h"
#include "halo/sys.h"
#include "log.h"
#include "peek.h"

#include <string.h>

/* A library shows up in the loader's list before it is relocated. Its GOT can be trusted a while
 * later; nobody is in a hurry to optimize a library that has just been opened. */
#define SETTLE_NS 300000000u
#define TLS_LIMIT 65536

static struct halo_image images[HALO_IMAGE_LIMIT];
static uint64_t last_id, generation, fingerprint;
static void (*on_gone)(struct halo_image *image);

void halo_images_on_gone(void (*gone)(struct halo_image *image)) { on_gone = gone; }
uint64_t halo_images_generation(void) { return generation; }

static bool is_settled(const struct halo_image *image) {
  return image->id && (!image->seen_ns || halo_sys_now_ns() - image->seen_ns >= SETTLE_NS);
}

struct halo_image *halo_images_at(size_t index) {
  for (size_t i = 0; i < HALO_IMAGE_LIMIT; i++)
    if (is_settled(&images[i]) && index-- == 0)
      return &images[i];
  return NULL;
}

struct halo_image *halo_images_by_id(uint64_t id) {
  for (size_t i = 0; i < HALO_IMAGE_LIMIT; i++)
    if (id && images[i].id == id)
      return &images[i];
  return NULL;
}

struct halo_image *halo_images_containing(uint64_t address) {
  for (size_t i = 0; i < HALO_IMAGE_LIMIT; i++)
    if (images[i].id && address >= images[i].module.low && address < images[i].module.high)
      return &images[i];
  return NULL;
}

static bool is_inside(const struct halo_module *module, uint64_t begin, uint64_t end) {
  return begin <= end && begin >= module->low && end <= module->high;
}

/* Turns the note's relative fields into ranges; a range that leaves the image is taken as empty. */
static bool read_note(struct halo_image *image) {
  struct halo_note_desc desc;
  const struct halo_module *module = &image->module;
  uint64_t at = module->note_desc;
  if (!halo_peek(at, &desc, sizeof desc) || desc.format != HALO_BITCODE_FORMAT)
    return false;
  uint64_t fields[4];
  int32_t offsets[4] = {desc.bitcode_begin, desc.bitcode_end, desc.symbols_begin, desc.symbols_end};
  for (int i = 0; i < 4; i++)
    fields[i] = at + 4 + 4u * (unsigned)i + (uint64_t)(int64_t)offsets[i];
  image->bitcode = image->bitcode_bytes = image->symbols = image->symbol_count = 0;
  if (is_inside(module, fields[0], fields[1])) {
    image->bitcode = fields[0];
    image->bitcode_bytes = fields[1] - fields[0];
  }
  if (is_inside(module, fields[2], fields[3]) && (fields[3] - fields[2]) % sizeof(struct halo_symbol) == 0) {
    image->symbols = fields[2];
    image->symbol_count = (fields[3] - fields[2]) / sizeof(struct halo_symbol);
  }
  return true;
}

const char *halo_images_path(struct halo_image *image) {
  if (image->path[0])
    return image->path;
  if (image->module.is_executable) {
    long bytes = halo_sys_readlink("/proc/self/exe", image->path, sizeof image->path - 1);
    image->path[bytes > 0 ? bytes : 0] = 0;
  } else {
    halo_peek_string(image->module.name, image->path, sizeof image->path);
  }
  return image->path;
}

static struct halo_image *find(const struct halo_module *module) {
  for (size_t i = 0; i < HALO_IMAGE_LIMIT; i++) {
    const struct halo_module *known = &images[i].module;
    if (images[i].id && known->base == module->base && known->note_desc == module->note_desc &&
        known->high == module->high && known->build_id_bytes == module->build_id_bytes &&
        !memcmp(known->build_id, module->build_id, module->build_id_bytes))
      return &images[i];
  }
  return NULL;
}

static struct halo_image *add(const struct halo_module *module, bool is_start) {
  struct halo_image *image = NULL;
  for (size_t i = 0; i < HALO_IMAGE_LIMIT && !image; i++)
    if (!images[i].id)
      image = &images[i];
  if (!image) {
    halo_log(HALO_LOG_WARNING, "more than %d Halo images; the rest stays as it is", HALO_IMAGE_LIMIT);
    return NULL;
  }
  memset(image, 0, sizeof *image);
  image->module = *module;
  if (!read_note(image)) {
    halo_log(HALO_LOG_WARNING, "an image's note is of another format; it stays as it is");
    return NULL;
  }
  image->seen_ns = is_start ? 0 : halo_sys_now_ns();
  halo_arena_init(&image->arena, module->low, module->high);
  if (halo_memory_allow_arena(&image->arena) != 0)
    return NULL;
  image->id = ++last_id;
  return image;
}

static void drop(struct halo_image *image) {
  if (on_gone)
    on_gone(image);
  halo_memory_forbid_arena(&image->arena);
  if (image->tls)
    halo_sys_munmap(image->tls, image->tls_count * sizeof *image->tls);
  memset(image, 0, sizeof *image);
}

struct scan {
  bool is_start;
  bool is_present[HALO_IMAGE_LIMIT];
};

static bool see_module(const struct halo_module *module, void *context) {
  struct scan *scan = context;
  if (!module->note_desc)
    return true;
  struct halo_image *image = find(module);
  if (!image)
    image = add(module, scan->is_start);
  if (image)
    scan->is_present[image - images] = true;
  return true;
}

static void rescan(bool is_start) {
  struct scan scan;
  memset(&scan, 0, sizeof scan);
  scan.is_start = is_start;
  halo_modules_each(see_module, &scan);
  for (size_t i = 0; i < HALO_IMAGE_LIMIT; i++)
    if (images[i].id && !scan.is_present[i])
      drop(&images[i]);
}

/* Another file may have been loaded at the very place of one that was closed. */
static bool is_replaced(const struct halo_image *image) {
  uint8_t build_id[HALO_BUILD_ID_LIMIT];
  const struct halo_module *module = &image->module;
  return image->id && module->build_id_bytes &&
         (!halo_peek(module->build_id_at, build_id, module->build_id_bytes) ||
          memcmp(build_id, module->build_id, module->build_id_bytes) != 0);
}

void halo_images_refresh(void) {
  static size_t settled;
  uint64_t now = halo_modules_fingerprint();
  if (!now)
    return; /* the loader is at work: later */
  bool is_stale = now != fingerprint;
  size_t ready = 0;
  for (size_t i = 0; i < HALO_IMAGE_LIMIT; i++) {
    is_stale |= is_replaced(&images[i]);
    ready += is_settled(&images[i]);
  }
  if (is_stale) {
    rescan(false);
    fingerprint = now;
  }
  if (is_stale || ready != settled)
    generation++;
  settled = ready;
}

/* In the modules that were there at start, thread-local storage lies at the same offset from the
 * thread pointer in every thread; asking the accessor once, here, tells it. */
static void find_static_tls(struct halo_image *image) {
  uint64_t count = 0;
  const struct halo_symbol *table = (const struct halo_symbol *)(uintptr_t)image->symbols;
  for (uint64_t i = 0; i < image->symbol_count; i++)
    count += table[i].kind_ordinal >> HALO_SYMBOL_KIND_SHIFT == HALO_SYMBOL_TLS;
  if (!count || count > TLS_LIMIT)
    return;
  struct halo_static_tls *tls = halo_sys_pages(count * sizeof *tls);
  if (!tls)
    return;
  uint64_t done = 0;
  for (uint64_t i = 0; i < image->symbol_count; i++) {
    if (table[i].kind_ordinal >> HALO_SYMBOL_KIND_SHIFT != HALO_SYMBOL_TLS)
      continue;
    uint64_t accessor = (uint64_t)(uintptr_t)&table[i].where + (uint64_t)(int64_t)table[i].where;
    if (accessor < image->module.text_low || accessor >= image->module.text_high)
      continue;
    void *(*ask)(void) = (void *(*)(void))(uintptr_t)accessor;
    tls[done++] = (struct halo_static_tls){i, (int64_t)((uint64_t)(uintptr_t)ask() - halo_thread_pointer())};
  }
  image->tls = tls;
  image->tls_count = done;
}

void halo_images_begin(void) {
  fingerprint = halo_modules_fingerprint();
  generation = 1;
  rescan(true);
  for (size_t i = 0; i < HALO_IMAGE_LIMIT; i++)
    if (images[i].id && images[i].module.has_tls)
      find_static_tls(&images[i]);
}
