/* Programs that are hard to be a guest of: they close every descriptor, block every signal, confine
 * themselves, lower their limits, change their user, end their first thread. The name of the case
 * is the first argument; the controller runs in a child made before the program does that.
 */
#include "monitor_controller.h"
#include "monitor_patchable.h"

#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

PATCHABLE(plain_entry, PLAIN, 1);
BITCODE;
SYMBOL(1, 0, "plain_entry");

static uint64_t variant(uint64_t x) { return x + 2; }
static uint64_t (*volatile call_plain)(uint64_t) = plain_entry;

/* The answer to who patched is on its way then: a program that ended at once would cut it off. */
static void wait_patched(void) {
  while (call_plain(0) != 2)
    ;
  poll(NULL, 0, 50);
}

/* ---- the cases: each ends with the program's exit status ---- */

static int close_descriptors(void) {
  for (int fd = 0; fd < 256; fd++)
    close(fd);
  wait_patched();
  int ends[2];
  return pipe(ends) == 0 && ends[0] == 0 && ends[1] == 1 ? 0 : 1; /* the numbers are ours again */
}

static int block_signals(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  wait_patched();
  return 0;
}

static int lower_limits(void) {
  struct rlimit none = {3, 3}, memory = {1u << 20, 1u << 20};
  setrlimit(RLIMIT_NOFILE, &none);
  setrlimit(RLIMIT_MEMLOCK, &memory);
  wait_patched();
  return 0;
}

static int lock_memory(void) {
  mlockall(MCL_CURRENT | MCL_FUTURE);
  wait_patched();
  return 0;
}

static int confine(void) {
  wait_patched();
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
  for (volatile int i = 0; i < 300000000; i++)
    ;
  syscall(SYS_exit, call_plain(0) == 2 ? 5 : 1); /* exit_group is not allowed */
  return 1;
}

static int change_user(void) {
  if (getuid() == 0 && setresuid(65534, 65534, 65534) != 0)
    return 1;
  wait_patched();
  return 0;
}

static void *carry_on(void *context) {
  (void)context;
  wait_patched();
  exit(7);
}
static int leave_first_thread(void) {
  pthread_t other;
  pthread_create(&other, NULL, carry_on, NULL);
  pthread_exit(NULL);
}

static const struct {
  const char *name;
  int (*run)(void);
  int status;
} cases[] = {
    {"descriptors", close_descriptors, 0},
    {"signals", block_signals, 0},
    {"limits", lower_limits, 0},
    {"locked", lock_memory, 0},
    {"confined", confine, 5},
    {"user", change_user, 0},
    {"first-thread", leave_first_thread, 7},
};

/* Runs in a child of its own, which is no guest's business: patches the program and waits for its
 * end, drawing samples meanwhile. */
static void control(void) {
  struct controller controller;
  controller_accept(&controller);
  struct halo_writer out = {0};
  halo_write_u32(&out, 1000);
  controller_expect(&controller, "halo_sample_start", &out);
  poll(NULL, 0, 100);
  CHECK_EQUAL(controller_patch(&controller, (uintptr_t)plain_entry, (uintptr_t)variant), 0);
  struct pollfd wait = {.fd = controller.fd, .events = POLLIN};
  CHECK(poll(&wait, 1, 20000) == 1); /* hung up */
}

int main(int argc, char **argv) {
  CHECK(argc >= 2);
  const char *server = getenv("HALO_SERVER");
  if (server && !strncmp(server, "unix:/tmp/halo-test-", 20)) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
      if (!strcmp(cases[i].name, argv[1])) {
        case_begin(cases[i].name);
        return cases[i].run();
      }
    return 99;
  }
  setenv("HALO_SAMPLER", argc > 2 ? argv[2] : "", 1);
  CHECK(mkdtemp(controller_directory));
  chmod(controller_directory, 0755);
  sprintf(controller_path, "%s/s", controller_directory);
  char setting[80];
  sprintf(setting, "unix:%s", controller_path);
  controller_listen();
  chmod(controller_path, 0777);
  pid_t program = fork();
  if (program == 0) {
    close(controller_listener);
    setenv("HALO_SERVER", setting, 1);
    execv("/proc/self/exe", argv);
    _exit(127);
  }
  case_begin(argv[1]);
  control();
  int status, expected = -1;
  CHECK(waitpid(program, &status, 0) == program);
  controller_remove();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    if (!strcmp(cases[i].name, argv[1]))
      expected = cases[i].status;
  CHECK(WIFEXITED(status));
  CHECK_EQUAL(WEXITSTATUS(status), expected);
  return 0;
}
