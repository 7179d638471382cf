/* trial.c: slices in balanced pairs.
 *
 * Sides are drawn in adjacent pairs, incumbent-variant or variant-incumbent at random, so that drift
 * hits both alike; lengths are drawn anew for each slice, so that no period of the program can
 * lock on to them. A slice's record is what the gate's lines gained on that side since the last slice
 * of that side: a call that began there may end while the other side has its turn.
 *
 * With a stride of 0 every call draws its own side, and a slice is a pair of records: what both sides
 * gained meanwhile.
 *
 * Every thread has a gate record per trial at a fixed distance from its thread pointer. A trial that
 * ends leaves them as they are: `base` and the words of the next one there are far from its own.
 */
#include "trial.h"

#include "halo/exec.h"
#include "halo/gate.h"
#include "halo/protocol.h"
#include "halo/sys.h"
#include "peek.h"

#include <string.h>

#define RECORD_LIMIT 4096 /* slices kept for a controller that does not read */
#define SLICE_LEAST_NS 50000u
#define SLICE_MOST_NS 1000000000u
#define SLICES_MOST (1ul << 30)
#define STRIDE_MOST (1ul << 30)
#define WORD_STEP 0x9E3779B97F4A7C16u /* 2^64 / phi, even: the words of 2^20 trials are 2^42 apart */

struct record {
  uint32_t side, calls;
  uint64_t ticks, ns;
};

struct trial {
  uint64_t id; /* 0: free */
  struct halo_trial_plan plan;
  uint64_t random;
  uint64_t slices_left;
  uint64_t begin_ns, end_ns; /* of the current slice */
  uint32_t side, next_side;
  bool is_second, is_done;
  uint64_t ticks[2], calls[2]; /* of each side, when it last had its turn */
  struct record *records;
  size_t first, count;
};

static struct trial trials[HALO_TRIAL_LIMIT];
static uint64_t last_id;
static uint64_t line_count; /* a power of two; 0: not known yet */

/* Never touched here: the program's threads have theirs, the monitor's has none. */
static __thread struct halo_gate_record gate_records[HALO_TRIAL_LIMIT]
    __attribute__((tls_model("initial-exec"), used));

static int64_t record_offset(const struct trial *trial) {
  return (int64_t)((uintptr_t)&gate_records[trial - trials] - halo_thread_pointer());
}

/* xorshift64*: Marsaglia 2003, Vigna 2016. */
static uint64_t draw(struct trial *trial) {
  trial->random ^= trial->random >> 12;
  trial->random ^= trial->random << 25;
  trial->random ^= trial->random >> 27;
  return trial->random * 0x2545F4914F6CDD1Du;
}

static struct halo_gate_control *control_of(const struct trial *trial) {
  return (struct halo_gate_control *)(uintptr_t)trial->plan.control;
}

/* A slot's lines stay for ever: a call that began in an earlier trial may still add to them. */
static struct halo_gate_line *lines_of(const struct trial *trial) {
  static struct halo_gate_line *lines[HALO_TRIAL_LIMIT];
  struct halo_gate_line **at = &lines[trial - trials];
  if (!line_count) {
    uint64_t set[128]; /* 8192 processors */
    long bytes = HALO_SYS3(SYS_sched_getaffinity, 0, sizeof set, set);
    line_count = 64;
    while (!halo_sys_failed(bytes) && line_count < 8 * (uint64_t)bytes) /* as the kernel numbers them */
      line_count *= 2;
  }
  if (!*at)
    *at = halo_sys_pages(line_count * sizeof **at);
  return *at;
}

static void read_totals(const struct trial *trial, uint64_t ticks[2], uint64_t calls[2]) {
  memset(ticks, 0, 2 * sizeof ticks[0]);
  memset(calls, 0, 2 * sizeof calls[0]);
  const struct halo_gate_line *line = lines_of(trial);
  for (uint64_t i = 0; i < line_count; i++)
    for (int side = 0; side < 2; side++) {
      ticks[side] += __atomic_load_n(&line[i].ticks[side], __ATOMIC_RELAXED);
      calls[side] += __atomic_load_n(&line[i].calls[side], __ATOMIC_RELAXED);
    }
}

/* An addition may be lost after it was seen. */
static uint64_t gained(uint64_t now, uint64_t before) { return now > before ? now - before : 0; }

/* The next word on this side; no word is ever used twice. */
static void show_side(const struct trial *trial, uint32_t side) {
  struct halo_gate_control *control = control_of(trial);
  uint64_t word = __atomic_load_n(&control->word, __ATOMIC_RELAXED);
  __atomic_store_n(&control->word, ((word | 1) + 1) | side, __ATOMIC_RELEASE);
}

static bool draws_by_call(const struct trial *trial) { return trial->plan.stride == 0; }

static void begin_slice(struct trial *trial, uint64_t now_ns) {
  if (draws_by_call(trial)) {
    trial->side = 0;
  } else if (!trial->is_second) {
    trial->side = (uint32_t)(draw(trial) >> 63);
    trial->next_side = !trial->side;
  } else {
    trial->side = trial->next_side;
  }
  uint64_t span = trial->plan.slice_max_ns - trial->plan.slice_min_ns + 1;
  trial->begin_ns = now_ns;
  trial->end_ns = now_ns + trial->plan.slice_min_ns + draw(trial) % span;
}

/* From here on calls go straight to the incumbent. */
static void finish(struct trial *trial) {
  uint64_t word;
  trial->is_done = true;
  trial->slices_left = 0;
  if (!halo_peek(trial->plan.control, &word, sizeof word))
    return;
  show_side(trial, 0);
  __atomic_store_n(&control_of(trial)->record, 0, __ATOMIC_RELEASE);
  /* Calls that still go on are not counted: the lines may be another trial's by then. */
  __atomic_fetch_add(&control_of(trial)->word, 2 * HALO_GATE_TRIAL, __ATOMIC_RELEASE);
}

/* When nobody reads, whole pairs are left out. */
static void keep(struct trial *trial, bool is_second, struct record record) {
  bool has_room =
      is_second ? trial->count % 2 == 1 : trial->count % 2 == 0 && trial->count + 2 <= RECORD_LIMIT;
  if (has_room)
    trial->records[(trial->first + trial->count++) % RECORD_LIMIT] = record;
}

static void keep_gain(struct trial *trial, bool is_second, uint32_t side, const uint64_t ticks[2],
                      const uint64_t calls[2], uint64_t ns) {
  struct record record = {side, (uint32_t)gained(calls[side], trial->calls[side]),
                          gained(ticks[side], trial->ticks[side]), ns};
  keep(trial, is_second, record);
  trial->ticks[side] = ticks[side];
  trial->calls[side] = calls[side];
}

static void end_slice(struct trial *trial, uint64_t now_ns) {
  uint32_t side = trial->side;
  uint64_t begin_ns = trial->begin_ns, ticks[2], calls[2], word;
  bool was_second = trial->is_second;
  if (!halo_peek(trial->plan.control, &word, sizeof word)) {
    finish(trial);
    return;
  }
  trial->slices_left--;
  bool is_last = trial->slices_left == 0;
  if (!is_last) {
    trial->is_second = !was_second && !draws_by_call(trial);
    begin_slice(trial, now_ns);
  }
  show_side(trial, is_last ? 0 : trial->side);
  read_totals(trial, ticks, calls);
  if (draws_by_call(trial)) {
    keep_gain(trial, false, 0, ticks, calls, now_ns - begin_ns);
    keep_gain(trial, true, 1, ticks, calls, now_ns - begin_ns);
  } else {
    keep_gain(trial, was_second, side, ticks, calls, now_ns - begin_ns);
  }
  if (is_last)
    finish(trial);
}

static struct trial *find(uint64_t id) {
  for (size_t i = 0; i < HALO_TRIAL_LIMIT; i++)
    if (id && trials[i].id == id)
      return &trials[i];
  return NULL;
}

/* Readable and writable for as long as the controller does not release it. */
static bool is_control(uint64_t control) {
  struct halo_gate_control copy;
  return control && control % 64 == 0 && halo_peek(control, &copy, sizeof copy) &&
         halo_memory_write(control + offsetof(struct halo_gate_control, mask), &copy.mask,
                           sizeof copy.mask) == 0;
}

static int check(const struct halo_trial_plan *plan) {
  if (plan->slice_min_ns > plan->slice_max_ns || plan->slice_min_ns < SLICE_LEAST_NS ||
      plan->slice_max_ns > SLICE_MOST_NS || plan->slices == 0 || plan->slices > SLICES_MOST ||
      plan->stride > STRIDE_MOST)
    return HALO_E_REFUSED;
  for (size_t i = 0; i < HALO_TRIAL_LIMIT; i++)
    if (trials[i].id && !trials[i].is_done && trials[i].plan.control == plan->control)
      return HALO_E_REFUSED;
  return is_control(plan->control) ? HALO_OK : HALO_E_MALFORMED;
}

/* The gate may be in use: whatever mixture of old and new it sees, it goes to one of its targets. */
static void open_gate(const struct trial *trial) {
  struct halo_gate_control *control = control_of(trial);
  __atomic_store_n(&control->target[0], trial->plan.incumbent, __ATOMIC_RELEASE);
  __atomic_store_n(&control->word, trial->id * WORD_STEP | trial->side, __ATOMIC_RELEASE);
  uint64_t stride = draws_by_call(trial) ? 1 : trial->plan.stride;
  __atomic_store_n(&control->base, trial->id << 32 | draws_by_call(trial), __ATOMIC_RELEASE);
  __atomic_store_n(&control->reach, 2 * stride - 1, __ATOMIC_RELEASE);
  __atomic_store_n(&control->mask, 0, __ATOMIC_RELEASE); /* within the old lines and the new */
  __atomic_store_n(&control->lines, (uintptr_t)lines_of(trial), __ATOMIC_RELEASE);
  __atomic_store_n(&control->mask, line_count - 1, __ATOMIC_RELEASE);
  __atomic_store_n(&control->record, record_offset(trial), __ATOMIC_RELEASE);
}

uint64_t halo_trial_start(const struct halo_trial_plan *plan, int *status) {
  struct trial *trial = NULL;
  for (size_t i = 0; i < HALO_TRIAL_LIMIT && !trial; i++)
    if (!trials[i].id)
      trial = &trials[i];
  *status = trial ? check(plan) : HALO_E_REFUSED;
  if (*status)
    return 0;
  memset(trial, 0, sizeof *trial);
  trial->plan = *plan;
  trial->slices_left = plan->slices + plan->slices % 2;
  trial->random = plan->seed ? plan->seed : 0x9E3779B97F4A7C15u;
  trial->records = halo_sys_pages(RECORD_LIMIT * sizeof(struct record));
  if (!trial->records || !lines_of(trial)) {
    if (trial->records)
      halo_sys_munmap(trial->records, RECORD_LIMIT * sizeof(struct record));
    *status = HALO_E_MEMORY;
    return 0;
  }
  read_totals(trial, trial->ticks, trial->calls);
  trial->id = ++last_id;
  begin_slice(trial, halo_sys_now_ns());
  open_gate(trial);
  return trial->id;
}

int halo_trial_read(uint64_t id, struct halo_writer *out) {
  struct trial *trial = find(id);
  if (!trial)
    return HALO_E_UNKNOWN;
  /* Whole pairs only; the second slice of the last pair may still be running. */
  size_t ready = trial->is_done ? trial->count : trial->count & ~(size_t)1;
  halo_write_u8(out, trial->is_done);
  halo_write_u64(out, ready);
  for (size_t i = 0; i < ready; i++) {
    const struct record *record = &trial->records[(trial->first + i) % RECORD_LIMIT];
    halo_write_u32(out, record->side);
    halo_write_u32(out, record->calls);
    halo_write_u64(out, record->ticks);
    halo_write_u64(out, record->ns);
  }
  trial->first = (trial->first + ready) % RECORD_LIMIT;
  trial->count -= ready;
  return HALO_OK;
}

static void stop(struct trial *trial) {
  if (!trial->is_done)
    finish(trial);
  halo_sys_munmap(trial->records, RECORD_LIMIT * sizeof(struct record));
  trial->id = 0;
}

int halo_trial_stop(uint64_t id) {
  struct trial *trial = find(id);
  if (!trial)
    return HALO_E_UNKNOWN;
  stop(trial);
  return HALO_OK;
}

void halo_trials_stop_all(void) {
  for (size_t i = 0; i < HALO_TRIAL_LIMIT; i++)
    if (trials[i].id)
      stop(&trials[i]);
}

uint64_t halo_trials_advance(uint64_t now_ns) {
  uint64_t next = 0;
  for (size_t i = 0; i < HALO_TRIAL_LIMIT; i++) {
    struct trial *trial = &trials[i];
    if (!trial->id || trial->is_done)
      continue;
    if (now_ns >= trial->end_ns)
      end_slice(trial, now_ns);
    if (!trial->is_done && (!next || trial->end_ns < next))
      next = trial->end_ns;
  }
  return next;
}

void halo_trials_after_fork(void) { halo_trials_stop_all(); }
