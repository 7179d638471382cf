/* A trial through a gate written in C as gate.h draws it: sides in balanced adjacent pairs, every
 * counted call on the side that was shown, the original afterwards. */
#include "monitor_controller.h"
#include "monitor_patchable.h"

#include "halo/gate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <x86intrin.h>

PATCHABLE(plain_entry, PLAIN, 1);
BITCODE;
SYMBOL(1, 0, "plain_entry");

#define SLICES 201

static _Alignas(64) struct halo_gate_control control;
static atomic_bool is_over;
static atomic_ulong calls[2];

static uint64_t variant(uint64_t x) { return x + 2; }

static uint64_t gate(uint64_t x) {
  uint64_t word = __atomic_load_n(&control.word, __ATOMIC_RELAXED);
  unsigned cpu;
  uint64_t begin = __rdtsc();
  uint64_t result = word & 1 ? variant(x) : ((uint64_t (*)(uint64_t))control.original)(x);
  uint64_t end = __rdtscp(&cpu);
  if (__atomic_load_n(&control.word, __ATOMIC_RELAXED) == word) {
    struct halo_gate_line *line = &control.line[cpu % HALO_GATE_LINES];
    __atomic_fetch_add(&line->ticks[word & 1], end - begin, __ATOMIC_RELAXED);
    __atomic_fetch_add(&line->calls[word & 1], 1, __ATOMIC_RELAXED);
    atomic_fetch_add(&calls[word & 1], 1);
  }
  return result;
}

static uint64_t (*volatile call_plain)(uint64_t) = plain_entry;

static void *caller(void *context) {
  (void)context;
  while (!atomic_load(&is_over)) {
    uint64_t added = call_plain(5) - 5;
    CHECK(added == 1 || added == 2);
  }
  return NULL;
}

static uint64_t start(struct controller *controller, uint64_t least_ns, uint64_t most_ns, uint64_t slices,
                      uint8_t *has_begun) {
  struct halo_writer out = {0};
  halo_write_u64(&out, (uintptr_t)&control);
  halo_write_u64(&out, (uintptr_t)plain_entry);
  halo_write_u64(&out, least_ns);
  halo_write_u64(&out, most_ns);
  halo_write_u64(&out, slices);
  halo_write_u64(&out, 12345);
  struct halo_reader in = controller_call(controller, "halo_trial_start", &out);
  halo_writer_free(&out);
  *has_begun = halo_read_u8(&in);
  return *has_begun ? halo_read_u64(&in) : 0;
}

static struct halo_reader ask(struct controller *controller, const char *service, uint64_t trial) {
  struct halo_writer out = {0};
  halo_write_u64(&out, trial);
  struct halo_reader in = controller_call(controller, service, &out);
  halo_writer_free(&out);
  return in;
}

struct totals {
  uint64_t slices, first_variant, calls[2], ticks[2];
  uint32_t open_side;
};

static bool read_slices(struct controller *controller, uint64_t trial, struct totals *totals) {
  struct halo_reader in = ask(controller, "halo_trial_read", trial);
  CHECK_EQUAL(halo_read_u8(&in), 1);
  bool is_done = halo_read_u8(&in);
  uint64_t count = halo_read_count(&in, 24);
  CHECK(count % 2 == 0);
  for (uint64_t i = 0; i < count; i++) {
    uint32_t side = halo_read_u32(&in), slice_calls = halo_read_u32(&in);
    uint64_t ticks = halo_read_u64(&in), ns = halo_read_u64(&in);
    CHECK(side <= 1 && ns >= 300000);
    if (i % 2 == 0)
      totals->first_variant += side;
    else
      CHECK_EQUAL(side, !totals->open_side);
    totals->open_side = side;
    totals->calls[side] += slice_calls;
    totals->ticks[side] += ticks;
    totals->slices++;
  }
  CHECK(!in.is_bad);
  return is_done;
}

int main(int argc, char **argv) {
  (void)argc;
  controller_begin(argv);
  struct controller controller;
  controller_accept(&controller);
  uint8_t has_begun;
  uint64_t trial = start(&controller, 300000, 600000, SLICES, &has_begun);
  CHECK_EQUAL(has_begun, 1);
  CHECK_EQUAL(control.original, (uintptr_t)plain_entry + 2);
  CHECK_EQUAL(controller_patch(&controller, (uintptr_t)plain_entry, (uintptr_t)gate), 0);
  pthread_t threads[2];
  for (int i = 0; i < 2; i++)
    CHECK(pthread_create(&threads[i], NULL, caller, NULL) == 0);
  struct totals totals = {0};
  while (!read_slices(&controller, trial, &totals))
    poll(NULL, 0, 1);
  CHECK_EQUAL(totals.slices, SLICES + 1);
  CHECK(totals.first_variant > 20 && totals.first_variant < 81); /* 50.5 expected, sd 5 */
  for (int side = 0; side < 2; side++) {
    CHECK(totals.calls[side] > 0 && totals.ticks[side] > 0);
    CHECK(totals.calls[side] <= atomic_load(&calls[side]));
  }
  CHECK_EQUAL(control.word & 1, 0);
  CHECK_EQUAL(call_plain(5), 6); /* the original's side */

  struct halo_reader in = ask(&controller, "halo_trial_stop", trial);
  CHECK_EQUAL(halo_read_u8(&in), 1);
  in = ask(&controller, "halo_trial_stop", trial); /* no such trial any more */
  CHECK_EQUAL(halo_read_u8(&in), 0);

  /* Stopped in the middle: back to the original at once. */
  trial = start(&controller, 1000000, 2000000, 1000000, &has_begun);
  CHECK_EQUAL(has_begun, 1);
  in = ask(&controller, "halo_trial_stop", trial);
  CHECK_EQUAL(halo_read_u8(&in), 1);
  CHECK_EQUAL(call_plain(5), 6);
  start(&controller, 2000000, 1000000, 10, &has_begun); /* least above most */
  CHECK_EQUAL(has_begun, 0);
  start(&controller, 1, 2, 10, &has_begun); /* nothing could be measured */
  CHECK_EQUAL(has_begun, 0);
  atomic_store(&is_over, true);
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  return 0;
}
