/* perf.c: rings of samples.
 *
 * Where the kernel knows inherit_thread (5.13) each thread gets one event per processor that its
 * later threads inherit (plain inherit would pass on to forked children too); all events of a
 * processor write to one ring, because an inherited event may be mapped only per processor. Else,
 * or with very many threads and processors, one event and one small ring a thread, and the list of
 * threads is read again at every drain.
 */
#include "perf.h"

#include "halo/sys.h"
#include "log.h"
#include "threads.h"

#include <linux/perf_event.h>
#include <string.h>

#define PAGE 4096u
#define RING_BYTES (4 * PAGE)
#define RING_LIMIT 64
#define EVENT_LIMIT 512
#define CHAIN_LIMIT 64
#define INHERIT_THREAD_BIT (1ull << 35) /* attr.inherit_thread, which old headers lack */

struct ring {
  struct perf_event_mmap_page *page;
  int fd; /* the event that the ring was mapped by */
  int tid, cpu;
  bool is_seen;
};

static struct ring rings[RING_LIMIT];
static size_t ring_count;
static int extra_fds[EVENT_LIMIT]; /* events that write to another's ring */
static size_t extra_count;
static bool is_inherited;
static struct perf_event_attr attributes;

static void fill_attributes(uint32_t hertz, bool inherits) {
  memset(&attributes, 0, sizeof attributes);
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_SW_TASK_CLOCK;
  attributes.sample_period = 1000000000u / hertz;
  attributes.sample_type = PERF_SAMPLE_CALLCHAIN;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  attributes.exclude_callchain_kernel = 1;
  attributes.sample_max_stack = CHAIN_LIMIT;
  attributes.watermark = 1; /* nobody waits for the ring; never wake */
  attributes.wakeup_watermark = 0x7fffffff;
  if (inherits) {
    attributes.inherit = 1;
    uint64_t flags;
    char *word = (char *)&attributes + offsetof(struct perf_event_attr, read_format) + 8;
    memcpy(&flags, word, sizeof flags);
    flags |= INHERIT_THREAD_BIT;
    memcpy(word, &flags, sizeof flags);
  }
}

static long open_event(int tid, int cpu) {
  return halo_sys_perf_event_open(&attributes, tid, cpu, -1, 8 /* PERF_FLAG_FD_CLOEXEC */);
}

static bool add_ring(int fd, int tid, int cpu) {
  if (ring_count == RING_LIMIT)
    return false;
  long page = halo_sys_mmap(NULL, PAGE + RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (halo_sys_failed(page))
    return false;
  halo_sys_madvise((void *)page, PAGE + RING_BYTES, 10 /* MADV_DONTFORK */);
  rings[ring_count++] = (struct ring){(struct perf_event_mmap_page *)page, fd, tid, cpu, true};
  return true;
}

static void remove_ring(size_t index) {
  halo_sys_munmap(rings[index].page, PAGE + RING_BYTES);
  halo_sys_close(rings[index].fd);
  rings[index] = rings[--ring_count];
}

/* "0-3,8" -> processors; the number of them. */
static size_t list_processors(int *cpus, size_t limit) {
  char text[1024];
  long fd = halo_sys_open("/sys/devices/system/cpu/online", O_RDONLY | O_CLOEXEC, 0);
  if (halo_sys_failed(fd))
    return 0;
  long bytes = halo_sys_read_all((int)fd, text, sizeof text - 1);
  halo_sys_close((int)fd);
  text[bytes > 0 ? bytes : 0] = 0;
  size_t count = 0;
  int first = -1, value = 0;
  for (const char *at = text;; at++) {
    if (*at >= '0' && *at <= '9') {
      value = value * 10 + (*at - '0');
    } else if (*at == '-') {
      first = value;
      value = 0;
    } else {
      for (int cpu = first < 0 ? value : first; cpu <= value; cpu++) {
        if (count == limit)
          return limit + 1;
        cpus[count++] = cpu;
      }
      first = -1;
      value = 0;
      if (*at != ',')
        return count;
    }
  }
}

static bool attach_inherited(const int *tids, size_t tid_count, const int *cpus, size_t cpu_count) {
  for (size_t i = 0; i < tid_count; i++)
    for (size_t j = 0; j < cpu_count; j++) {
      long fd = open_event(tids[i], cpus[j]);
      if (fd == -ESRCH || fd == -ENODEV) /* the thread ended; the processor went off */
        continue;
      if (halo_sys_failed(fd))
        return false;
      size_t ring = 0;
      while (ring < ring_count && rings[ring].cpu != cpus[j])
        ring++;
      bool is_kept = ring == ring_count
                         ? add_ring((int)fd, tids[i], cpus[j])
                         : halo_sys_ioctl((int)fd, PERF_EVENT_IOC_SET_OUTPUT, rings[ring].fd) == 0;
      if (!is_kept) {
        halo_sys_close((int)fd);
        return false;
      }
      if (ring < ring_count && rings[ring].fd != (int)fd)
        extra_fds[extra_count++] = (int)fd;
    }
  return ring_count > 0;
}

/* One ring a thread; threads beyond the limit are not sampled. */
static bool attach_each(void) {
  int tids[HALO_THREADS_LIMIT];
  size_t count = halo_threads_list(tids, HALO_THREADS_LIMIT);
  for (size_t i = 0; i < ring_count; i++)
    rings[i].is_seen = false;
  for (size_t i = 0; i < count; i++) {
    size_t ring = 0;
    while (ring < ring_count && rings[ring].tid != tids[i])
      ring++;
    if (ring < ring_count) {
      rings[ring].is_seen = true;
      continue;
    }
    long fd = open_event(tids[i], -1);
    if (!halo_sys_failed(fd) && !add_ring((int)fd, tids[i], -1))
      halo_sys_close((int)fd);
  }
  return ring_count > 0;
}

bool halo_perf_start(uint32_t hertz) {
  int tids[HALO_THREADS_LIMIT], cpus[RING_LIMIT];
  size_t tid_count = halo_threads_list(tids, HALO_THREADS_LIMIT);
  size_t cpu_count = list_processors(cpus, RING_LIMIT);
  if (cpu_count && cpu_count <= RING_LIMIT && tid_count * cpu_count <= EVENT_LIMIT) {
    fill_attributes(hertz, true);
    is_inherited = true;
    if (attach_inherited(tids, tid_count, cpus, cpu_count))
      return true;
    halo_perf_stop();
  }
  fill_attributes(hertz, false);
  is_inherited = false;
  if (attach_each())
    return true;
  halo_perf_stop();
  return false;
}

void halo_perf_stop(void) {
  while (extra_count)
    halo_sys_close(extra_fds[--extra_count]);
  while (ring_count)
    remove_ring(ring_count - 1);
}

/* Bytes of the ring from `at` on; a record may wrap around its end. */
static void copy_out(const struct ring *ring, uint64_t at, void *to, size_t bytes) {
  const char *data = (const char *)ring->page + PAGE;
  size_t offset = at % RING_BYTES, first = RING_BYTES - offset;
  first = first < bytes ? first : bytes;
  memcpy(to, data + offset, first);
  memcpy((char *)to + first, data, bytes - first);
}

static void take_record(const struct ring *ring, uint64_t at, uint64_t bytes,
                        void (*take)(const uint64_t *frames, size_t count)) {
  uint64_t chain[CHAIN_LIMIT + 8], count = 0, frames = 0;
  if (bytes < 16)
    return;
  copy_out(ring, at + 8, &count, sizeof count);
  if (count > (bytes - 16) / 8)
    return;
  if (count > CHAIN_LIMIT + 8)
    count = CHAIN_LIMIT + 8;
  copy_out(ring, at + 16, chain, count * 8);
  for (uint64_t i = 0; i < count; i++)
    if (chain[i] < (uint64_t)PERF_CONTEXT_MAX && frames < CHAIN_LIMIT)
      chain[frames++] = chain[i]; /* context marks are huge numbers */
  if (frames)
    take(chain, frames);
}

static uint64_t drain_ring(struct ring *ring, void (*take)(const uint64_t *frames, size_t count)) {
  uint64_t head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
  uint64_t at = ring->page->data_tail, lost = 0;
  while (head - at >= sizeof(struct perf_event_header)) {
    struct perf_event_header header;
    copy_out(ring, at, &header, sizeof header);
    if (header.size < sizeof header || header.size > head - at)
      break;
    if (header.type == PERF_RECORD_SAMPLE) {
      take_record(ring, at, header.size, take);
    } else if (header.type == PERF_RECORD_LOST && header.size >= 24) {
      uint64_t gone;
      copy_out(ring, at + 16, &gone, sizeof gone);
      lost += gone;
    }
    at += header.size;
  }
  __atomic_store_n(&ring->page->data_tail, head, __ATOMIC_RELEASE);
  return lost;
}

uint64_t halo_perf_drain(void (*take)(const uint64_t *frames, size_t count)) {
  uint64_t lost = 0;
  for (size_t i = 0; i < ring_count; i++)
    lost += drain_ring(&rings[i], take);
  if (is_inherited)
    return lost;
  attach_each();
  for (size_t i = ring_count; i-- > 0;)
    if (!rings[i].is_seen) {
      lost += drain_ring(&rings[i], take);
      remove_ring(i);
    }
  return lost;
}

void halo_perf_after_fork(void) { ring_count = extra_count = 0; }
