/* exec/gaps.c: reads /proc/self/maps in pieces and remembers the best hole; see gaps.h. */
#include "gaps.h"

#include "halo/sys.h"

#include <string.h>

#define REACH_BYTES 0x7fff0000ull /* 2 GiB less a margin for addends */
#define PROBE_BYTES (1ull << 21)  /* from one try to the next */
#define LOWEST_ADDRESS 0x10000ull /* mmap_min_addr's usual value */
#define HIGHEST_ADDRESS 0x7ffffffff000ull

struct halo_reach halo_reach_of(uint64_t image_low, uint64_t image_high) {
  struct halo_reach reach = {.image_low = image_low, .image_high = image_high};
  reach.low = image_high > REACH_BYTES + LOWEST_ADDRESS ? image_high - REACH_BYTES : LOWEST_ADDRESS;
  reach.low = (reach.low + 4095) & ~4095ull;
  reach.high = (image_low + REACH_BYTES) & ~4095ull;
  if (reach.high > HIGHEST_ADDRESS)
    reach.high = HIGHEST_ADDRESS;
  return reach;
}

struct search {
  const struct halo_reach *reach;
  uint64_t bytes;
  uint64_t below, above; /* best so far on either side of the image */
};

/* Takes the top of the hole that is within reach: nearest to the image when the hole is below it,
 * farthest when above; later holes are higher, so on either side the last fit wins. */
static void consider(struct search *search, uint64_t low, uint64_t high) {
  if (low < search->reach->low)
    low = search->reach->low;
  if (high > search->reach->high)
    high = search->reach->high;
  if (high < low || high - low < search->bytes)
    return;
  if (high <= search->reach->image_low)
    search->below = high - search->bytes;
  else if (low >= search->reach->image_high)
    search->above = high - search->bytes;
}

static bool parse_hex(const char **at, const char *end, uint64_t *value) {
  const char *begin = *at;
  *value = 0;
  for (; *at < end; ++*at) {
    char c = **at;
    if (c >= '0' && c <= '9')
      *value = *value << 4 | (uint64_t)(c - '0');
    else if (c >= 'a' && c <= 'f')
      *value = *value << 4 | (uint64_t)(c - 'a' + 10);
    else
      break;
  }
  return *at > begin;
}

/* "low-high perms offset dev inode   path" without its newline. */
static void take_line(struct search *search, const char *line, const char *end, uint64_t *previous) {
  uint64_t low = 0, high = 0;
  if (!parse_hex(&line, end, &low) || line == end || *line != '-')
    return;
  line++;
  if (!parse_hex(&line, end, &high))
    return;
  bool is_stack = end - line > 7 && memcmp(end - 7, "[stack]", 7) == 0;
  if (!is_stack)
    consider(search, *previous, low);
  *previous = high;
}

/* Where the list cannot be read (no descriptor left, no /proc): asks the kernel place by place. */
static bool is_free(uint64_t at, uint64_t bytes) {
  void *wanted = (void *)(uintptr_t)at;
  long got = halo_sys_mmap(wanted, bytes, PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (halo_sys_failed(got))
    return false;
  halo_sys_munmap((void *)got, bytes);
  return (uint64_t)got == at;
}

static uint64_t probe(const struct halo_reach *reach, uint64_t bytes) {
  const uint64_t room = (bytes + 4095) & ~4095ull;
  uint64_t high = reach->image_low & ~4095ull;
  for (; high >= reach->low + room; high -= high > PROBE_BYTES ? PROBE_BYTES : high)
    if (is_free(high - room, room))
      return high - room;
  for (high = reach->high; high >= reach->image_high + room; high -= PROBE_BYTES)
    if (is_free(high - room, room))
      return high - room;
  return 0;
}

uint64_t halo_gap_find(const struct halo_reach *reach, uint64_t bytes) {
  struct search search = {.reach = reach, .bytes = bytes};
  char buffer[4096] = {0}; /* longer than the part of any line that matters */
  size_t have = 0;
  uint64_t previous = LOWEST_ADDRESS;
  bool is_cut = false; /* inside a line too long for the buffer, whose start was handled */
  /* This thread's own: the process's first thread may be gone, and its list with it. */
  long fd = halo_sys_open("/proc/thread-self/maps", O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0)
    return probe(reach, bytes);
  for (;;) {
    long got = halo_sys_read((int)fd, buffer + have, sizeof buffer - have);
    if (got == -EINTR)
      continue;
    if (got <= 0)
      break;
    have += (size_t)got;
    char *line = buffer, *newline;
    while ((newline = memchr(line, '\n', have - (size_t)(line - buffer)))) {
      if (!is_cut)
        take_line(&search, line, newline, &previous);
      is_cut = false;
      line = newline + 1;
    }
    have -= (size_t)(line - buffer);
    memmove(buffer, line, have);
    if (have == sizeof buffer) {
      if (!is_cut)
        take_line(&search, buffer, buffer + have, &previous);
      is_cut = true;
      have = 0;
    }
  }
  halo_sys_close((int)fd);
  consider(&search, previous, HIGHEST_ADDRESS);
  return search.below ? search.below : search.above;
}
