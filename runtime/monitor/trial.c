/* trial.c: slices in balanced pairs.
 *
 * Sides are drawn in adjacent pairs, incumbent-variant or variant-incumbent at random, so that drift
 * hits both alike; lengths are drawn anew for each slice, so that no period of the program can
 * lock on to them. A slice's record is what the gate's lines gained on that side since the last slice
 * of that side: a call that began there may end while the other side has its turn.
 *
 * Or the gates themselves let the sides take turns, shorter ones than this thread could: then a slice is
 * a pair of records, what both sides gained meanwhile.
 *
 * Calls that were cut by the scheduler, or took too long, are reported apart (gate.h).
 *
 * Every thread has a gate record per trial at a fixed distance from its thread pointer. A trial that
 * ends leaves them as they are: `base` and the words of the next one there are far from its own.
 */
#include "trial.h"

#include "builtins.h"
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
#define RSEQ_CS_OFFSET 8 /* in struct rseq (linux/rseq.h) */
#define STRIDE_MOST (1ul << 30)
#define WORD_STEP 0x9E3779B97F4A7C16u /* 2^64 / phi, even: the words of 2^20 trials are 2^42 apart */

/* What the timed calls of both sides came to. */
struct totals {
  struct halo_gate_sum of[2]; /* as in a line */
};

struct record {
  uint32_t side, calls;
  uint64_t ticks, ns;
  uint32_t cut_calls;
  uint64_t cut_ticks;
};

struct trial {
  uint64_t id; /* 0: free */
  struct halo_trial_plan plan;
  uint64_t random;
  uint64_t slices_left;
  uint64_t begin_ns, end_ns; /* of the current slice */
  uint32_t side, next_side;
  bool is_second, is_done;
  struct totals before; /* of each side, when it last had its turn */
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

static struct totals read_totals(const struct trial *trial) {
  struct totals totals = {0};
  const struct halo_gate_line *line = lines_of(trial);
  for (uint64_t i = 0; i < line_count; i++)
    for (int is_cut = 0; is_cut < 2; is_cut++)
      for (int side = 0; side < 2; side++) {
        const struct halo_gate_sum *of = &line[i].of[is_cut];
        totals.of[is_cut].ticks[side] += __atomic_load_n(&of->ticks[side], __ATOMIC_RELAXED);
        totals.of[is_cut].calls[side] += __atomic_load_n(&of->calls[side], __ATOMIC_RELAXED);
      }
  return totals;
}

/* An addition may be lost after it was seen. */
static uint64_t gained(uint64_t now, uint64_t before) { return now > before ? now - before : 0; }

/* The next word on this side; no word is ever used twice. */
static void show_side(const struct trial *trial, uint32_t side) {
  struct halo_gate_control *control = control_of(trial);
  uint64_t word = __atomic_load_n(&control->word, __ATOMIC_RELAXED);
  __atomic_store_n(&control->word, ((word | 1) + 1) | side, __ATOMIC_RELEASE);
}

static bool has_turns(const struct trial *trial) { return trial->plan.turn_bits != HALO_TRIAL_BY_SLICE; }

static void begin_slice(struct trial *trial, uint64_t now_ns) {
  if (has_turns(trial)) {
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

static void keep_gain(struct trial *trial, bool is_second, uint32_t side, const struct totals *now,
                      uint64_t ns) {
  uint64_t ticks[2], calls[2];
  for (int is_cut = 0; is_cut < 2; is_cut++) {
    const struct halo_gate_sum *of = &now->of[is_cut];
    struct halo_gate_sum *before = &trial->before.of[is_cut];
    ticks[is_cut] = gained(of->ticks[side], before->ticks[side]);
    calls[is_cut] = gained(of->calls[side], before->calls[side]);
    before->ticks[side] = of->ticks[side];
    before->calls[side] = of->calls[side];
  }
  struct record record = {side, (uint32_t)calls[0], ticks[0], ns, (uint32_t)calls[1], ticks[1]};
  keep(trial, is_second, record);
}

static void end_slice(struct trial *trial, uint64_t now_ns) {
  uint32_t side = trial->side;
  uint64_t begin_ns = trial->begin_ns, word;
  bool was_second = trial->is_second;
  if (!halo_peek(trial->plan.control, &word, sizeof word)) {
    finish(trial);
    return;
  }
  trial->slices_left--;
  bool is_last = trial->slices_left == 0;
  if (!is_last) {
    trial->is_second = !was_second && !has_turns(trial);
    begin_slice(trial, now_ns);
  }
  show_side(trial, is_last ? 0 : trial->side);
  struct totals now = read_totals(trial);
  if (has_turns(trial)) {
    keep_gain(trial, false, 0, &now, now_ns - begin_ns);
    keep_gain(trial, true, 1, &now, now_ns - begin_ns);
  } else {
    keep_gain(trial, was_second, side, &now, now_ns - begin_ns);
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
      plan->stride == 0 || plan->stride > STRIDE_MOST || plan->turn_bits > HALO_TRIAL_BY_SLICE)
    return HALO_E_REFUSED;
  for (size_t i = 0; i < HALO_TRIAL_LIMIT; i++)
    if (trials[i].id && !trials[i].is_done && trials[i].plan.control == plan->control)
      return HALO_E_REFUSED;
  return is_control(plan->control) ? HALO_OK : HALO_E_MALFORMED;
}

/* A sequence that no instruction is part of. Where to go on, had it been left in the middle, stands
 * behind the signature that libc registered: the kernel looks. */
static _Alignas(32) struct {
  uint32_t version, flags;
  uint64_t start, bytes, otherwise;
} nothing_restartable;
static const uint32_t signature[2] = {HALO_ARCH_RSEQ_SIGNATURE, 0};

/* Offset from the thread pointer of the word in the area of restartable sequences, 0 if there is none. */
static int64_t find_guard(void) {
  static int64_t found = -1;
  if (found == -1) {
    uint64_t offset_at = halo_exports_find_data("__rseq_offset");
    uint64_t size_at = halo_exports_find_data("__rseq_size"), offset;
    uint32_t size;
    bool has_area = offset_at && size_at && halo_peek(offset_at, &offset, sizeof offset) &&
                    halo_peek(size_at, &size, sizeof size) && size > 0;
    found = has_area ? (int64_t)offset + RSEQ_CS_OFFSET : 0;
    nothing_restartable.start = (uintptr_t)&nothing_restartable;
    nothing_restartable.otherwise = (uintptr_t)&signature[1];
  }
  return found;
}

/* The gate may be in use: whatever mixture of old and new it sees, it goes to one of its targets. */
static void open_gate(const struct trial *trial) {
  struct halo_gate_control *control = control_of(trial);
  __atomic_store_n(&control->target[0], trial->plan.incumbent, __ATOMIC_RELEASE);
  __atomic_store_n(&control->word, trial->id * WORD_STEP | trial->side, __ATOMIC_RELEASE);
  __atomic_store_n(&control->base, trial->id << 32 | has_turns(trial), __ATOMIC_RELEASE);
  __atomic_store_n(&control->reach, 2 * trial->plan.stride - 1, __ATOMIC_RELEASE);
  __atomic_store_n(&control->turn_bits, trial->plan.turn_bits % 64, __ATOMIC_RELEASE);
  uint64_t longest = trial->plan.longest ? trial->plan.longest : UINT64_MAX;
  __atomic_store_n(&control->longest, longest, __ATOMIC_RELEASE);
  __atomic_store_n(&control->mask, 0, __ATOMIC_RELEASE); /* within the old lines and the new */
  __atomic_store_n(&control->lines, (uintptr_t)lines_of(trial), __ATOMIC_RELEASE);
  __atomic_store_n(&control->mask, line_count - 1, __ATOMIC_RELEASE);
  int64_t guard = find_guard();
  if (!guard)
    guard = record_offset(trial) + (int64_t)offsetof(struct halo_gate_record, spare);
  __atomic_store_n(&control->mark, (uintptr_t)&nothing_restartable, __ATOMIC_RELEASE);
  __atomic_store_n(&control->guard, guard, __ATOMIC_RELEASE);
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
  trial->before = read_totals(trial);
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
    halo_write_u32(out, record->cut_calls);
    halo_write_u64(out, record->cut_ticks);
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
