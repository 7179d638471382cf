/* A trial through a gate written in C as gate.h draws it: sides in balanced adjacent pairs, every
 * counted call on the side that was shown, the original afterwards. */
#include "monitor_controller.h"
#include "monitor_patchable.h"

#include "halo/gate.h"
#include "halo/protocol.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/rseq.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <x86intrin.h>

PATCHABLE(plain_entry, PLAIN, 1);
BITCODE;
SYMBOL(1, 0, "plain_entry");

#define SLICES 201

static _Alignas(64) struct halo_gate_control control;
static atomic_bool is_over;
static atomic_ulong calls[2];

#define SLEEPS 77

static uint64_t variant(uint64_t x) {
  if (x == SLEEPS)
    usleep(50);
  return x + 2;
}

static uint64_t other(uint64_t x) { return x + 3; }

typedef uint64_t function(uint64_t);

static struct halo_gate_record *own_record(int64_t offset) {
  char *thread;
  __asm__("mov %%fs:0, %0" : "=r"(thread));
  return (struct halo_gate_record *)(thread + offset);
}

static volatile uint64_t *own_guard(int64_t offset) { return (volatile uint64_t *)own_record(offset); }

static __attribute__((noinline)) uint64_t gate(uint64_t x) {
  uint64_t word = __atomic_load_n(&control.word, __ATOMIC_RELAXED);
  int64_t offset = __atomic_load_n(&control.record, __ATOMIC_RELAXED); /* once: it may become 0 */
  if (!offset)
    return ((function *)control.target[word & 1])(x);
  struct halo_gate_record *record = own_record(offset);
  if (record->left - control.base - 1 < control.reach) {
    record->left--;
    return ((function *)control.target[record->word & 1])(x);
  }
  uint64_t own = (uintptr_t)__builtin_frame_address(0);
  if (own < record->stack && (word | 1) - record->word < HALO_GATE_AGE)
    return ((function *)control.target[record->word & 1])(x);
  unsigned cpu;
  volatile uint64_t *guard = own_guard(control.guard);
  uint64_t before = *guard;
  *guard = control.mark;
  uint64_t begin = __rdtsc();
  uint64_t turn = record->drawn++ >> control.turn_bits;
  uint64_t mixed = (turn >> 1 ^ control.base) * 0x9E3779B97F4A7C15u;
  mixed = (mixed ^ mixed >> 32) * 0x9E3779B97F4A7C15u;
  word ^= (mixed >> 63 ^ turn) & control.base & 1;
  record->stack = own;
  record->word = word;
  uint64_t result = ((function *)control.target[word & 1])(x);
  uint64_t end = __rdtscp(&cpu);
  bool was_cut = *guard == 0;
  *guard = before == control.mark && !was_cut ? before : 0;
  was_cut |= end - begin > control.longest;
  record->stack = 0;
  record->left = control.base + begin * 0x9E3779B97F4A7C15u % control.reach;
  if ((__atomic_load_n(&control.word, __ATOMIC_RELAXED) >> 1) - (word >> 1) < HALO_GATE_TRIAL) {
    struct halo_gate_line *line = (struct halo_gate_line *)control.lines + (cpu & control.mask);
    __atomic_fetch_add(&line->of[was_cut].ticks[word & 1], end - begin, __ATOMIC_RELAXED);
    __atomic_fetch_add(&line->of[was_cut].calls[word & 1], 1, __ATOMIC_RELAXED);
    atomic_fetch_add(&calls[word & 1], 1);
  }
  return result;
}

static uint64_t (*volatile call_plain)(uint64_t) = plain_entry;

static void *caller(void *context) {
  (void)context;
  while (!atomic_load(&is_over)) {
    uint64_t added = call_plain(5) - 5;
    CHECK(added >= 1 && added <= 3);
  }
  return NULL;
}

struct plan {
  uint64_t control, incumbent, least_ns, most_ns, slices;
  uint32_t stride, turn_bits;
};

static uint64_t longest; /* ticks; 0: no limit */

/* The trial's id; 0: refused. */
static uint64_t start(struct controller *controller, struct plan plan) {
  struct halo_writer out = {0};
  halo_write_u64(&out, plan.control ? plan.control : (uintptr_t)&control);
  halo_write_u64(&out, (uintptr_t)plain_entry);
  halo_write_u64(&out, plan.incumbent);
  halo_write_u64(&out, plan.least_ns);
  halo_write_u64(&out, plan.most_ns);
  halo_write_u64(&out, plan.slices);
  halo_write_u64(&out, 12345);
  halo_write_u64(&out, longest);
  halo_write_u32(&out, plan.stride);
  halo_write_u32(&out, plan.turn_bits);
  struct halo_reader in = controller_call(controller, "halo_trial_start", &out);
  halo_writer_free(&out);
  return halo_read_u8(&in) ? halo_read_u64(&in) : 0;
}

static struct halo_reader ask(struct controller *controller, const char *service, uint64_t trial) {
  struct halo_writer out = {0};
  halo_write_u64(&out, trial);
  struct halo_reader in = controller_call(controller, service, &out);
  halo_writer_free(&out);
  return in;
}

struct totals {
  uint64_t slices, first_variant, calls[2], ticks[2], cut;
  uint32_t open_side;
};

static bool read_slices(struct controller *controller, uint64_t trial, struct totals *totals) {
  struct halo_reader in = ask(controller, "halo_trial_read", trial);
  CHECK_EQUAL(halo_read_u8(&in), 1);
  bool is_done = halo_read_u8(&in);
  uint64_t count = halo_read_count(&in, 36);
  CHECK(count % 2 == 0);
  for (uint64_t i = 0; i < count; i++) {
    uint32_t side = halo_read_u32(&in), slice_calls = halo_read_u32(&in);
    uint64_t ticks = halo_read_u64(&in), ns = halo_read_u64(&in);
    uint32_t cut_calls = halo_read_u32(&in);
    uint64_t cut_ticks = halo_read_u64(&in);
    CHECK(side <= 1 && ns >= 300000);
    if (i % 2 == 0)
      totals->first_variant += side;
    else
      CHECK_EQUAL(side, !totals->open_side);
    totals->open_side = side;
    totals->calls[side] += slice_calls + cut_calls;
    totals->ticks[side] += ticks + cut_ticks;
    totals->cut += cut_calls;
    totals->slices++;
  }
  CHECK(!in.is_bad);
  return is_done;
}

static void stop(struct controller *controller, uint64_t trial) {
  struct halo_reader in = ask(controller, "halo_trial_stop", trial);
  CHECK_EQUAL(halo_read_u8(&in), 1);
}

/* A whole trial while two threads call. False: on a busy machine they hardly ran. */
static bool run_trial(struct controller *controller, uint32_t stride, uint32_t turn_bits,
                      uint64_t incumbent) {
  uint64_t body = incumbent ? incumbent : (uintptr_t)plain_entry + 2;
  uint64_t before[2] = {atomic_load(&calls[0]), atomic_load(&calls[1])};
  struct plan plan = {0, incumbent, 300000, 600000, SLICES, stride, turn_bits};
  bool is_by_slice = turn_bits == HALO_TRIAL_BY_SLICE;
  uint64_t trial = start(controller, plan);
  CHECK(trial != 0);
  CHECK_EQUAL(control.target[0], body);
  CHECK_EQUAL(controller_patch(controller, (uintptr_t)plain_entry, (uintptr_t)gate), 0);
  CHECK_EQUAL(start(controller, plan), 0); /* not two at once */
  struct totals totals = {0};
  while (!read_slices(controller, trial, &totals))
    poll(NULL, 0, 1);
  CHECK_EQUAL(totals.slices, is_by_slice ? SLICES + 1 : 2 * (SLICES + 1));
  if (is_by_slice)
    CHECK(totals.first_variant > 20 && totals.first_variant < 81); /* 50.5 expected, sd 5 */
  else
    CHECK_EQUAL(totals.first_variant, 0);
  for (int side = 0; side < 2; side++) {
    CHECK(!totals.calls[side] == !totals.ticks[side]);
    /* Each of the two callers may have added a call here that it has not counted there yet. */
    CHECK(totals.calls[side] <= atomic_load(&calls[side]) - before[side] + 2);
  }
  CHECK_EQUAL(control.word & 1, 0);
  CHECK_EQUAL(control.record, 0);
  CHECK_EQUAL(call_plain(5), ((function *)body)(5));
  stop(controller, trial);
  struct halo_reader in = ask(controller, "halo_trial_stop", trial); /* no such trial any more */
  CHECK_EQUAL(halo_read_u8(&in), 0);
  return totals.calls[0] && totals.calls[1];
}

static void run_trials(struct controller *controller, uint32_t stride, uint32_t turn_bits,
                       uint64_t incumbent) {
  while (!run_trial(controller, stride, turn_bits, incumbent))
    ;
}

static void check_refusals(struct controller *controller) {
  CHECK_EQUAL(start(controller, (struct plan){0, 0, 2000000, 1000000, 10, 1, HALO_TRIAL_BY_SLICE}),
              0); /* least above most */
  CHECK_EQUAL(start(controller, (struct plan){0, 0, 1, 2, 10, 1, HALO_TRIAL_BY_SLICE}),
              0); /* nothing could be measured */
  CHECK_EQUAL(start(controller, (struct plan){0, 0, 1000000, 2000000, 0, 1, HALO_TRIAL_BY_SLICE}), 0);
  CHECK_EQUAL(start(controller, (struct plan){0, 0, 1000000, 2000000, ~0ul, 1, HALO_TRIAL_BY_SLICE}), 0);
  CHECK_EQUAL(start(controller, (struct plan){0, 0, 1000000, 2000000, 10, ~0u, HALO_TRIAL_BY_SLICE}), 0);
  CHECK_EQUAL(start(controller, (struct plan){0, 0, 1000000, 2000000, 10, 0, HALO_TRIAL_BY_SLICE}), 0);
  CHECK_EQUAL(start(controller, (struct plan){0, 0, 1000000, 2000000, 10, 1, HALO_TRIAL_BY_SLICE + 1}), 0);
  CHECK_EQUAL(start(controller, (struct plan){0, 8, 1000000, 2000000, 10, 1, HALO_TRIAL_BY_SLICE}),
              0); /* no code there */
  CHECK_EQUAL(start(controller, (struct plan){4096, 0, 1000000, 2000000, 10, 1, HALO_TRIAL_BY_SLICE}),
              0); /* nothing there */
  uint64_t code = (uintptr_t)plain_entry & ~63ul;
  CHECK_EQUAL(start(controller, (struct plan){code, 0, 1000000, 2000000, 10, 1, HALO_TRIAL_BY_SLICE}),
              0); /* not writable */
}

/* As many as there is room for, then one more when one has ended; each control block its own. */
static void check_many(struct controller *controller) {
  static _Alignas(64) struct halo_gate_control controls[64];
  uint64_t trials[64], count = 0, records = 0;
  struct plan plan = {0, 0, 1000000, 2000000, 1u << 30, 1, HALO_TRIAL_BY_SLICE};
  for (; count < 64; count++) {
    plan.control = (uintptr_t)&controls[count];
    if (!(trials[count] = start(controller, plan)))
      break;
    for (uint64_t i = 0; i < count; i++)
      CHECK(controls[i].record != controls[count].record && controls[i].base != controls[count].base);
  }
  CHECK(count >= 16 && count < 64);
  stop(controller, trials[3]);
  CHECK_EQUAL(controls[3].record, 0);
  CHECK((trials[3] = start(controller, plan)) != 0);
  struct halo_reader in = controller_expect(controller, "halo_retire_all", NULL);
  CHECK_EQUAL(halo_read_u64(&in), 1);
  for (uint64_t i = 0; i < 64; i++)
    records += controls[i].record != 0 || controls[i].word & 1;
  CHECK_EQUAL(records, 0);
}

/* Since Linux 6.19 the kernel says nothing of threads that are in a system call. */
static bool tells_of_sleep(void) {
  struct utsname system;
  unsigned major = 0, minor = 0;
  CHECK(uname(&system) == 0 && sscanf(system.release, "%u.%u", &major, &minor) == 2);
  return major < 6 || (major == 6 && minor < 19);
}

/* A call that sleeps loses its processor, and libc tells where the kernel says so. */
static void check_cut(struct controller *controller) {
  uint64_t trial =
      start(controller, (struct plan){0, (uintptr_t)variant, 300000, 600000, SLICES, 1, HALO_TRIAL_BY_SLICE});
  CHECK(trial != 0);
  struct totals totals = {0};
  uint64_t made = 0;
  while (!read_slices(controller, trial, &totals))
    for (int i = 0; i < 10; i++, made++)
      CHECK_EQUAL(gate(SLEEPS), SLEEPS + 2);
  stop(controller, trial);
  CHECK(totals.calls[0] + totals.calls[1] > made / 2);
  bool has_area = __rseq_size > 0;
  CHECK_EQUAL(control.guard == __rseq_offset + 8, has_area);
  if (tells_of_sleep())
    CHECK_EQUAL(totals.cut > made / 2, has_area);
}

/* So does a call that takes longer than calls do, whatever the kernel says. */
static void check_long(struct controller *controller) {
  longest = 1;
  uint64_t trial =
      start(controller, (struct plan){0, (uintptr_t)variant, 300000, 600000, SLICES, 1, HALO_TRIAL_BY_SLICE});
  CHECK(trial != 0);
  struct totals totals = {0};
  while (!read_slices(controller, trial, &totals))
    CHECK_EQUAL(gate(5), 7);
  stop(controller, trial);
  CHECK(totals.cut > 0);
  CHECK_EQUAL(totals.cut, totals.calls[0] + totals.calls[1]);
}

int main(int argc, char **argv) {
  (void)argc;
  controller_begin(argv);
  struct controller controller;
  controller_accept(&controller);
  control.target[0] = control.target[1] = (uintptr_t)variant; /* as the object has it */
  pthread_t threads[2];
  for (int i = 0; i < 2; i++)
    CHECK(pthread_create(&threads[i], NULL, caller, NULL) == 0);
  RUN(run_trials(&controller, 1, HALO_TRIAL_BY_SLICE, 0));
  RUN(run_trials(&controller, 16, HALO_TRIAL_BY_SLICE, 0)); /* on the same block, which is in use */
  RUN(run_trials(&controller, 1, HALO_TRIAL_BY_SLICE, (uintptr_t)other));
  RUN(run_trials(&controller, 1, 0, 0));
  RUN(run_trials(&controller, 4, 15, 0));

  /* Stopped in the middle: back to the incumbent at once. */
  stop(&controller,
       start(&controller, (struct plan){0, 0, 1000000, 2000000, 1000000, 1, HALO_TRIAL_BY_SLICE}));
  CHECK_EQUAL(call_plain(5), 6);
  /* By the entry itself, calls would come back for ever. */
  uint64_t entry = (uintptr_t)plain_entry;
  stop(&controller,
       start(&controller, (struct plan){0, entry, 1000000, 2000000, 10, 1, HALO_TRIAL_BY_SLICE}));
  CHECK_EQUAL(call_plain(5), 6);
  RUN(check_refusals(&controller));
  RUN(check_many(&controller));
  CHECK_EQUAL(call_plain(5), 6);
  atomic_store(&is_over, true);
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  RUN(check_cut(&controller));
  RUN(check_long(&controller));
  return 0;
}
