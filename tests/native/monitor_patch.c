/* Entries that are switched while threads call them: no call is lost, none sees anything but an
 * original or a variant; counting; retirement; refusals. */
#include "monitor_controller.h"
#include "monitor_patchable.h"

#include <pthread.h>
#include <stdatomic.h>

PATCHABLE(plain_entry, PLAIN, 1);
PATCHABLE(guarded_entry, CET, 10);
PATCHABLE(counted_entry, PLAIN, 100);
PATCHABLE(deployed_entry, PLAIN, 1000);
__asm__(".text\n.balign 16\nnop\n.balign 16\n.globl not_patchable\nnot_patchable:\nret\n");
extern char not_patchable[];
BITCODE;
SYMBOL(1, 0, "plain_entry");

#define THREADS 4
#define FLIPS 3000

static uint64_t variant_two(uint64_t x) { return x + 2; }
static uint64_t variant_three(uint64_t x) { return x + 3; }
static uint64_t variant_twenty(uint64_t x) { return x + 20; }

static atomic_bool is_over;
static atomic_ulong calls;

/* Through pointers that the compiler knows nothing about. */
static uint64_t (*volatile call_plain)(uint64_t) = plain_entry;
static uint64_t (*volatile call_guarded)(uint64_t) = guarded_entry;
static uint64_t (*volatile call_counted)(uint64_t) = counted_entry;
static uint64_t (*volatile call_deployed)(uint64_t) = deployed_entry;

static void *caller(void *context) {
  (void)context;
  for (uint64_t x = 0; !atomic_load(&is_over); x++) {
    uint64_t plain = call_plain(x) - x, guarded = call_guarded(x) - x;
    CHECK(plain >= 1 && plain <= 3);
    CHECK(guarded == 10 || guarded == 20);
    atomic_fetch_add(&calls, 1);
  }
  return NULL;
}

static void count_start(struct controller *controller, uint64_t entry) {
  struct halo_writer out = {0};
  halo_write_u64(&out, 1);
  halo_write_u64(&out, entry);
  struct halo_reader in = controller_expect(controller, "halo_count_start", &out);
  halo_writer_free(&out);
  CHECK_EQUAL(halo_read_u64(&in), 1);
  CHECK_EQUAL((int)halo_read_u32(&in), 0);
}

static uint64_t count_read(struct controller *controller, uint64_t entry) {
  struct halo_writer out = {0};
  halo_write_u64(&out, 1);
  halo_write_u64(&out, entry);
  struct halo_reader in = controller_expect(controller, "halo_count_read", &out);
  halo_writer_free(&out);
  CHECK_EQUAL(halo_read_u64(&in), 1);
  return halo_read_u64(&in);
}

static void check_counting(struct controller *controller) {
  uint64_t entry = (uintptr_t)counted_entry;
  count_start(controller, entry);
  for (int i = 0; i < 1000; i++)
    CHECK_EQUAL(call_counted(1), 101);
  CHECK_EQUAL(count_read(controller, entry), 1000);
  count_start(controller, entry); /* begins again */
  call_counted(1);
  CHECK_EQUAL(count_read(controller, entry), 1);
  CHECK_EQUAL(controller_patch(controller, entry, 0), 0); /* ends counting */
  CHECK_EQUAL(call_counted(1), 101);
  CHECK_EQUAL(count_read(controller, entry), 1);
  CHECK_EQUAL(count_read(controller, 0x1234), 0);
}

static void count_stop(struct controller *controller, uint64_t entry, int expected) {
  struct halo_writer out = {0};
  halo_write_u64(&out, 1);
  halo_write_u64(&out, entry);
  struct halo_reader in = controller_expect(controller, "halo_count_stop", &out);
  halo_writer_free(&out);
  CHECK_EQUAL(halo_read_u64(&in), 1);
  CHECK_EQUAL((int)halo_read_u32(&in), expected);
}

/* Whoever is in place is counted and stays, before the first count and after it. */
static void check_counting_incumbents(struct controller *controller) {
  uint64_t entry = (uintptr_t)deployed_entry;
  for (uint64_t i = 0; i < 3; i++) {
    uint64_t target = i == 0 ? (uintptr_t)variant_two : i == 1 ? (uintptr_t)variant_three : 0;
    uint64_t expected = i == 0 ? 3 : i == 1 ? 4 : 1001;
    CHECK_EQUAL(controller_patch(controller, entry, target), 0);
    count_start(controller, entry);
    for (int j = 0; j < 10; j++)
      CHECK_EQUAL(call_deployed(1), expected);
    CHECK_EQUAL(count_read(controller, entry), 10);
    count_stop(controller, entry, 0);
    CHECK_EQUAL(call_deployed(1), expected);
    CHECK_EQUAL(count_read(controller, entry), 10);
  }
  count_stop(controller, 0x1230, HALO_E_UNKNOWN);
  count_start(controller, entry);
  struct halo_reader in = controller_expect(controller, "halo_retire_all", NULL);
  CHECK_EQUAL(halo_read_u64(&in), 1);
  CHECK_EQUAL(call_deployed(1), 1001);
}

static void check_flips(struct controller *controller) {
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    CHECK(pthread_create(&threads[i], NULL, caller, NULL) == 0);
  while (atomic_load(&calls) == 0)
    sched_yield();
  const uint64_t plain_targets[3] = {0, (uintptr_t)variant_two, (uintptr_t)variant_three};
  for (int i = 0; i < FLIPS; i++) {
    CHECK_EQUAL(controller_patch(controller, (uintptr_t)plain_entry, plain_targets[i % 3]), 0);
    CHECK_EQUAL(controller_patch(controller, (uintptr_t)guarded_entry, i % 2 ? 0 : (uintptr_t)variant_twenty),
                0);
  }
  CHECK_EQUAL(controller_patch(controller, (uintptr_t)plain_entry, plain_targets[2]), 0);
  CHECK_EQUAL(call_plain(0), 3);
  atomic_store(&is_over, true);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
}

static void check_refusals(struct controller *controller) {
  CHECK_EQUAL(controller_patch(controller, (uintptr_t)not_patchable, 0), HALO_E_NOT_PATCHABLE);
  CHECK_EQUAL(controller_patch(controller, (uintptr_t)plain_entry + 1, 0), HALO_E_NOT_PATCHABLE);
  CHECK_EQUAL(controller_patch(controller, 16, 0), HALO_E_GONE);
  CHECK_EQUAL(controller_patch(controller, (uintptr_t)&calls, 0), HALO_E_GONE);
  CHECK_EQUAL(controller_patch(controller, (uintptr_t)plain_entry, 8), HALO_E_MALFORMED);
  CHECK_EQUAL(call_plain(0), 3);
}

int main(int argc, char **argv) {
  (void)argc;
  controller_begin(argv);
  struct controller controller;
  controller_accept(&controller);
  RUN(check_counting(&controller));
  RUN(check_counting_incumbents(&controller));
  RUN(check_flips(&controller));
  RUN(check_refusals(&controller));
  struct halo_reader in = controller_expect(&controller, "halo_retire_all", NULL);
  CHECK_EQUAL(halo_read_u64(&in), 1);
  CHECK_EQUAL(call_plain(0), 1);
  CHECK_EQUAL(call_guarded(0), 10);
  return 0;
}
