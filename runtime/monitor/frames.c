/* frames.c: binary search in .eh_frame_hdr, read as data.
 *
 *     version 1 | eh_frame encoding | count encoding 03 | table encoding 3b | eh_frame | count
 *     then count pairs of int32, relative to the header: function start, its FDE
 *
 * An FDE is: length, CIE distance, start (pc-relative int32), size (int32), ...; its size tells
 * whether the address is inside or in a gap after the function.
 */
#include "frames.h"

#include "halo/sys.h"
#include "images.h"
#include "modules.h"
#include "peek.h"

#include <string.h>

#define CACHE_SLOTS 2048 /* 2 words each: 32 KiB, touched as needed */
#define RANGE_LIMIT 16384
#define TABLE_ENCODING 0x3b
#define COUNT_ENCODING 0x03

struct region { /* a module's code */
  uint64_t low, high, header, count;
  bool is_tunable;
};

struct range {
  uint64_t low, high;
};

struct cached {
  uint64_t address;       /* 0: free */
  uint64_t start_tunable; /* start << 1 | is_tunable: user addresses have 47 or 56 bits */
};

static struct region *regions; /* by address */
static size_t region_count;
static struct range *ranges; /* by address */
static size_t range_count;
static struct cached cache[CACHE_SLOTS];
static uint64_t generation;

static bool add_region(const struct halo_module *module, void *context) {
  (void)context;
  struct region region = {module->text_low, module->text_high, 0, 0, module->note_desc != 0};
  uint8_t head[12];
  uint32_t count;
  if (region_count == HALO_MODULE_LIMIT)
    return false;
  if (module->eh_frame_hdr && halo_peek(module->eh_frame_hdr, head, sizeof head) && head[0] == 1 &&
      head[2] == COUNT_ENCODING && head[3] == TABLE_ENCODING) {
    memcpy(&count, head + 8, sizeof count);
    uint64_t end = module->eh_frame_hdr + sizeof head + 8ull * count;
    if (count && end <= module->high) {
      region.header = module->eh_frame_hdr;
      region.count = count;
    }
  }
  size_t at = region_count++;
  while (at > 0 && regions[at - 1].low > region.low) {
    regions[at] = regions[at - 1];
    at--;
  }
  regions[at] = region;
  return true;
}

void halo_frames_refresh(void) {
  if (generation == halo_images_generation())
    return;
  if (!regions)
    regions = halo_sys_pages(HALO_MODULE_LIMIT * sizeof *regions);
  if (!regions)
    return;
  generation = halo_images_generation();
  region_count = 0;
  halo_modules_each(add_region, NULL);
  memset(cache, 0, sizeof cache);
}

void halo_frames_announce(uint64_t address, uint64_t bytes) {
  if (!ranges)
    ranges = halo_sys_pages(RANGE_LIMIT * sizeof *ranges);
  if (!ranges || range_count == RANGE_LIMIT || bytes == 0 || address + bytes < address)
    return;
  size_t at = range_count;
  while (at > 0 && ranges[at - 1].low > address)
    at--;
  if (at > 0 && ranges[at - 1].low == address) { /* memory used again */
    ranges[at - 1].high = address + bytes;
  } else {
    memmove(&ranges[at + 1], &ranges[at], (range_count - at) * sizeof *ranges);
    ranges[at] = (struct range){address, address + bytes};
    range_count++;
  }
  memset(cache, 0, sizeof cache);
}

static const struct range *find_range(uint64_t address) {
  size_t low = 0, high = range_count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (ranges[middle].low <= address)
      low = middle + 1;
    else
      high = middle;
  }
  return low && address < ranges[low - 1].high ? &ranges[low - 1] : NULL;
}

static const struct region *find_region(uint64_t address) {
  size_t low = 0, high = region_count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (regions[middle].low <= address)
      low = middle + 1;
    else
      high = middle;
  }
  return low && address < regions[low - 1].high ? &regions[low - 1] : NULL;
}

/* False if the FDE says that the function ends before the address. */
static bool covers(uint64_t fde, uint64_t start, uint64_t address) {
  uint32_t words[4];
  if (!halo_peek(fde, words, sizeof words) || words[0] < 12)
    return true;
  uint64_t begin = fde + 8 + (uint64_t)(int64_t)(int32_t)words[2];
  return begin != start || address < start + words[3]; /* another encoding: no opinion */
}

static uint64_t search(const struct region *region, uint64_t address) {
  uint64_t table = region->header + 12;
  int32_t pair[2];
  uint64_t low = 0, high = region->count;
  while (low < high) {
    uint64_t middle = (low + high) / 2;
    if (!halo_peek(table + 8 * middle, pair, sizeof pair))
      return address;
    if (region->header + (uint64_t)(int64_t)pair[0] <= address)
      low = middle + 1;
    else
      high = middle;
  }
  if (!low || !halo_peek(table + 8 * (low - 1), pair, sizeof pair))
    return address;
  uint64_t start = region->header + (uint64_t)(int64_t)pair[0];
  uint64_t fde = region->header + (uint64_t)(int64_t)pair[1];
  bool is_sane = start >= region->low && start <= address && covers(fde, start, address);
  return is_sane ? start : address;
}

struct halo_frame halo_frames_find(uint64_t address) {
  struct cached *slot = &cache[(address * 0x9E3779B97F4A7C15u) >> 53];
  if (slot->address == address)
    return (struct halo_frame){slot->start_tunable >> 1, slot->start_tunable & 1};
  struct halo_frame frame = {address, false};
  const struct range *range = find_range(address);
  const struct region *region = range ? NULL : find_region(address);
  if (range) {
    frame = (struct halo_frame){range->low, true};
  } else if (region) {
    frame.is_tunable = region->is_tunable;
    if (region->count)
      frame.start = search(region, address);
  }
  *slot = (struct cached){address, frame.start << 1 | frame.is_tunable};
  return frame;
}
