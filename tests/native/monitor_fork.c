/* Children of fork: they go on with what was deployed, uncounted and outside of trials, and are
 * monitored anew, with tables that still fit; a child that execs or leaves at once is no trouble.
 */
#include "monitor_controller.h"
#include "monitor_patchable.h"

#include <sched.h>
#include <sys/syscall.h>

PATCHABLE(deployed_entry, PLAIN, 1);
PATCHABLE(counted_entry, PLAIN, 10);
PATCHABLE(later_entry, PLAIN, 100);
BITCODE;
SYMBOL(1, 0, "deployed_entry");

static uint64_t variant(uint64_t x) { return x + 2; }
static uint64_t child_variant(uint64_t x) { return x + 3; }

static uint64_t (*volatile call_deployed)(uint64_t) = deployed_entry;
static uint64_t (*volatile call_counted)(uint64_t) = counted_entry;
static uint64_t (*volatile call_later)(uint64_t) = later_entry;

static void count(struct controller *controller, const char *service, uint64_t *calls) {
  struct halo_writer out = {0};
  halo_write_u64(&out, 1);
  halo_write_u64(&out, (uintptr_t)counted_entry);
  struct halo_reader in = controller_expect(controller, service, &out);
  halo_writer_free(&out);
  CHECK_EQUAL(halo_read_u64(&in), 1);
  if (calls)
    *calls = halo_read_u64(&in);
  else
    CHECK_EQUAL((int)halo_read_u32(&in), 0);
}

/* The child waits on the pipe until the parent, which plays the controller, has patched it. */
static void live_child(int go, int answer) {
  char byte;
  CHECK_EQUAL(call_deployed(0), 2);
  CHECK_EQUAL(call_counted(0), 10);
  while (read(go, &byte, 1) != 1)
    ;
  uint64_t seen[2] = {call_deployed(0), call_later(0)};
  CHECK(write(answer, seen, sizeof seen) == sizeof seen);
  _exit(0);
}

static void check_live_child(struct controller *parent) {
  int go[2], answer[2];
  CHECK(pipe(go) == 0 && pipe(answer) == 0);
  pid_t child = fork();
  if (child == 0)
    live_child(go[0], answer[1]);
  struct controller controller;
  controller_accept(&controller);
  struct halo_reader in = controller_expect(&controller, "halo_describe", NULL);
  halo_read_u32(&in);
  CHECK_EQUAL(halo_read_u32(&in), child);
  CHECK_EQUAL(controller_patch(&controller, (uintptr_t)deployed_entry, (uintptr_t)child_variant), 0);
  CHECK_EQUAL(controller_patch(&controller, (uintptr_t)later_entry, (uintptr_t)child_variant), 0);
  CHECK(write(go[1], "g", 1) == 1);
  uint64_t seen[2];
  controller_read(answer[0], seen, sizeof seen);
  CHECK_EQUAL(seen[0], 3);
  CHECK_EQUAL(seen[1], 3);
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  close(controller.fd);
  CHECK_EQUAL(call_deployed(0), 2); /* the parent's is its own */
  CHECK_EQUAL(call_later(0), 100);
  uint64_t calls;
  call_counted(0);
  count(parent, "halo_count_read", &calls);
  CHECK_EQUAL(calls, 1);
}

static void check_many_children(void) {
  for (int i = 0; i < 200; i++) {
    pid_t child = fork();
    if (child == 0)
      _exit(call_deployed(0) == 2 ? 0 : 1);
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
  }
  for (int i = 0; i < 50; i++) {
    pid_t child = i % 2 ? fork() : vfork();
    if (child == 0) {
      execl("/bin/true", "true", (char *)NULL);
      _exit(1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
  }
}

int main(int argc, char **argv) {
  (void)argc;
  controller_begin(argv);
  struct controller controller;
  controller_accept(&controller);
  CHECK_EQUAL(controller_patch(&controller, (uintptr_t)deployed_entry, (uintptr_t)variant), 0);
  count(&controller, "halo_count_start", NULL);
  struct halo_writer out = {0};
  halo_write_u32(&out, 100);
  controller_expect(&controller, "halo_sample_start", &out);
  RUN(check_live_child(&controller));
  RUN(check_many_children());
  controller_expect(&controller, "halo_sample_stop", NULL);
  CHECK_EQUAL(call_deployed(0), 2);
  return 0;
}
