/* stacks.c: two lists, one in use; a sequence number tells a reader that was overtaken. */
#include "stacks.h"

#include "halo/sys.h"

#include <string.h>

#define RANGE_LIMIT 2048
#define PAGE_END(address) (((address) | 4095) + 1)

struct list {
  uint64_t sequence; /* odd while it is being written */
  uint64_t count;
  struct {
    uint64_t low, high;
  } range[RANGE_LIMIT];
};

static struct list *lists; /* two */
static struct list *current;

static uint64_t read_hex(const char **at) {
  uint64_t value = 0;
  for (;; ++*at) {
    char c = **at;
    if (c >= '0' && c <= '9')
      value = value << 4 | (uint64_t)(c - '0');
    else if (c >= 'a' && c <= 'f')
      value = value << 4 | (uint64_t)(c - 'a' + 10);
    else
      return value;
  }
}

/* "low-high rw-p ..." */
static void take_line(struct list *list, const char *line) {
  uint64_t low = read_hex(&line);
  if (*line++ != '-')
    return;
  uint64_t high = read_hex(&line);
  if (strncmp(line, " rw", 3) != 0 || list->count == RANGE_LIMIT)
    return;
  list->range[list->count].low = low;
  list->range[list->count++].high = high;
}

static void fill(struct list *list, int fd) {
  char text[4097];
  size_t have = 0;
  for (;;) {
    long got = halo_sys_read(fd, text + have, sizeof text - 1 - have);
    if (got <= 0)
      return;
    have += (size_t)got;
    text[have] = 0;
    char *line = text;
    for (char *end; (end = strchr(line, '\n')); line = end + 1) {
      *end = 0;
      take_line(list, line);
    }
    have = strlen(line);
    memmove(text, line, have);
    if (have == sizeof text - 1)
      have = 0; /* a line of a path longer than any buffer; its rest is no range */
  }
}

void halo_stacks_refresh(void) {
  if (!lists && !(lists = halo_sys_pages(2 * sizeof *lists)))
    return;
  long fd = halo_sys_open("/proc/thread-self/maps", O_RDONLY | O_CLOEXEC, 0);
  if (halo_sys_failed(fd))
    return;
  struct list *list = current == lists ? lists + 1 : lists;
  __atomic_add_fetch(&list->sequence, 1, __ATOMIC_SEQ_CST);
  list->count = 0;
  fill(list, (int)fd);
  __atomic_add_fetch(&list->sequence, 1, __ATOMIC_SEQ_CST);
  __atomic_store_n(&current, list, __ATOMIC_SEQ_CST);
  halo_sys_close((int)fd);
}

uint64_t halo_stacks_end(uint64_t stack) {
  struct list *list = __atomic_load_n(&current, __ATOMIC_SEQ_CST);
  if (!list)
    return PAGE_END(stack);
  uint64_t sequence = __atomic_load_n(&list->sequence, __ATOMIC_SEQ_CST);
  uint64_t low = 0, high = list->count < RANGE_LIMIT ? list->count : RANGE_LIMIT, end = 0;
  while (low < high) {
    uint64_t middle = (low + high) / 2;
    if (list->range[middle].low <= stack)
      low = middle + 1;
    else
      high = middle;
  }
  if (low)
    end = list->range[low - 1].high;
  bool is_sound =
      !(sequence & 1) && __atomic_load_n(&list->sequence, __ATOMIC_SEQ_CST) == sequence && end > stack;
  return is_sound ? end : PAGE_END(stack);
}
