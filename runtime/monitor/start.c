/* start.c: how the monitor comes to be: before main, and in forked children.
 *
 * In: the environment and the auxiliary vector. Out: one thread that libc does not know, so that
 * the program stays single-threaded in libc's eyes. It blocks all signals and has a descriptor
 * table of its own: the program may close every number it likes and sees none that it did not open.
 */
#include "entries.h"
#include "farewell.h"
#include "halo/sys.h"
#include "images.h"
#include "log.h"
#include "loop.h"
#include "sample.h"
#include "settings.h"
#include "threads.h"
#include "trial.h"
#include "unwinder.h"

#include <elf.h>
#include <sys/auxv.h>

#define STACK_BYTES (256u << 10)
/* Most children exec at once; only those that stay are worth a connection. */
#define CHILD_DELAY_NS 100000000u

#define CLOSE_RANGE_UNSHARE_FLAG 2u
#define UNSHARE_FS 0x200
#define UNSHARE_FILES 0x400

extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *dso)
    __attribute__((weak));
extern int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
    __attribute__((weak));

static void *stack;
static bool is_running;

/* Descriptors that were open when the thread began belong to the program. */
static bool leave_descriptors(void) {
  bool keeps_stderr = halo_log_wants_stderr();
  unsigned first = keeps_stderr ? 3 : 0;
  if (halo_sys_close_range(first, ~0u, CLOSE_RANGE_UNSHARE_FLAG) != 0) {
    if (HALO_SYS1(SYS_unshare, UNSHARE_FILES) != 0)
      return false;
    struct rlimit limit = {1024, 1024};
    halo_sys_getrlimit(RLIMIT_NOFILE, &limit);
    unsigned end = limit.rlim_cur < 65536 ? (unsigned)limit.rlim_cur : 65536;
    for (unsigned fd = first; fd < end; fd++)
      halo_sys_close((int)fd);
  }
  if (keeps_stderr) {
    halo_sys_close(0);
    halo_sys_close(1);
  }
  return true;
}

static void run(void *argument) {
  if (!leave_descriptors())
    return;
  HALO_SYS1(SYS_unshare, UNSHARE_FS);
  halo_sys_prctl(15 /* PR_SET_NAME */, (long)(uintptr_t)"halo-monitor", 0, 0, 0);
  halo_log_open();
  halo_loop_run(argument ? CHILD_DELAY_NS : 0);
  halo_threads_end();
}

static bool start_thread(bool is_child) {
  uint64_t all = ~0ull, before;
  halo_sys_sigprocmask(SIG_SETMASK, &all, &before);
  long tid = halo_sys_thread_start(run, is_child ? &is_running : NULL, stack, STACK_BYTES, NULL);
  halo_sys_sigprocmask(SIG_SETMASK, &before, NULL);
  return !halo_sys_failed(tid);
}

/* In the child of fork, on its only thread. The monitor's thread is not here; its stack is, and
 * its tables as they were, fit at every step. */
static void after_fork(void) {
  if (!is_running)
    return;
  halo_entries_after_fork();
  halo_trials_after_fork();
  halo_sample_after_fork();
  is_running = !halo_settings.is_inert_in_child && !halo_loop_is_confined() && start_thread(true);
}

__attribute__((constructor(101), used)) static void halo_monitor_start(void) {
  if (is_running || getauxval(AT_SECURE) || !halo_settings_read())
    return;
  stack = halo_sys_pages(STACK_BYTES);
  if (!stack)
    return;
  halo_threads_begin();
  halo_modules_begin(getauxval(AT_PHDR), getauxval(AT_PHNUM));
  halo_images_begin();
  halo_images_on_gone(halo_entries_forget_image);
  halo_unwinder_begin();
  is_running = start_thread(false);
  if (!is_running)
    halo_sys_munmap(stack, STACK_BYTES);
  else if (__register_atfork)
    __register_atfork(NULL, NULL, after_fork, NULL);
  else if (pthread_atfork)
    pthread_atfork(NULL, NULL, after_fork);
}

/* After what was registered by atexit, and after the image's other destructors. */
__attribute__((destructor(101), used)) static void halo_monitor_end(void) { halo_farewell_say(); }

/* What the driver asks for with -u, so that a library's member with the constructor is linked. */
__attribute__((visibility("hidden"), used)) char halo_monitor_anchor;
