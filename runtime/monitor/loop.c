/* loop.c: connecting with back-off, and one connection's life.
 *
 * A server that goes away leaves its deployed variants behind: they are correct. A peer that talks
 * nonsense, or a failure inside, puts the originals back.
 */
#include "loop.h"

#include "code.h"
#include "entries.h"
#include "farewell.h"
#include "halo/exec.h"
#include "halo/protocol.h"
#include "halo/sys.h"
#include "identity.h"
#include "images.h"
#include "log.h"
#include "peer.h"
#include "sample.h"
#include "services.h"
#include "threads.h"
#include "trial.h"
#include "unwinder.h"

#include <string.h>

#define SERVICE_LIMIT 64
#define FRAME_LIMIT (64u << 20)
#define STALL_LIMIT_NS 2000000000u
#define BACKOFF_LEAST_NS 100000000u
#define BACKOFF_MOST_NS 5000000000u
#define HOUSEKEEPING_NS 1000000000u

static bool is_confined;

bool halo_loop_is_confined(void) { return is_confined; }

/* LLVM's SimpleRemoteEPC will not start without these; a guest runs no main and opens nothing. */
static int refuse(struct halo_call *call) {
  (void)call;
  return HALO_E_REFUSED;
}

static const struct halo_service unoffered[] = {
    {"__llvm_orc_SimpleExecutorDylibManager_Instance", NULL, 1, NULL},
    {"__llvm_orc_SimpleExecutorDylibManager_open_wrapper", refuse, 0, NULL},
    {"__llvm_orc_SimpleExecutorDylibManager_resolve_wrapper", refuse, 0, NULL},
    {"__llvm_orc_bootstrap_run_as_main_wrapper", refuse, 0, NULL},
    {"__llvm_orc_bootstrap_run_as_void_function_wrapper", refuse, 0, NULL},
    {"__llvm_orc_bootstrap_run_as_int_function_wrapper", refuse, 0, NULL},
};

static struct halo_service services[SERVICE_LIMIT];

static size_t collect_services(void) {
  typedef const struct halo_service *table_fn(size_t *count);
  static table_fn *const tables[] = {halo_memory_services,   halo_access_services,   halo_unwind_services,
                                     halo_debugger_services, halo_describe_services, halo_tune_services};
  size_t total = 0;
  for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
    size_t count;
    const struct halo_service *table = tables[i](&count);
    for (size_t j = 0; j < count && total < SERVICE_LIMIT; j++)
      services[total++] = table[j];
  }
  for (size_t i = 0; i < sizeof unoffered / sizeof unoffered[0] && total < SERVICE_LIMIT; i++)
    services[total++] = unoffered[i];
  struct halo_image *image = halo_images_at(0);
  for (size_t i = 0; i < total; i++)
    if (!strcmp(services[i].name, HALO_MEMORY_INSTANCE))
      services[i].value = image ? (uint64_t)(uintptr_t)&image->arena : 0;
  return total;
}

static void report(void *context, const char *message) {
  (void)context;
  halo_log(HALO_LOG_DEBUG, "session: %s", message);
}

/* What a lost server can no longer use or end. */
static void stop_measuring(void) {
  halo_trials_stop_all();
  halo_entries_stop_counting();
  halo_sample_stop();
}

static uint64_t sooner(uint64_t a, uint64_t b) { return !b || (a && a < b) ? a : b; }

/* Returns false when the monitor must end. */
static bool wait_and_work(int fd, uint64_t *housekeeping_due) {
  uint64_t now = halo_sys_now_ns();
  uint64_t due = sooner(halo_trials_advance(now), halo_sample_advance(now));
  if (now >= *housekeeping_due) {
    if (!halo_identity_follow(&is_confined))
      return false;
    halo_images_refresh();
    halo_unwinder_refresh();
    *housekeeping_due = now + HOUSEKEEPING_NS;
  }
  due = sooner(due, *housekeeping_due);
  now = halo_sys_now_ns();
  uint64_t left = due > now ? due - now : 0;
  return halo_threads_wait(fd, left);
}

enum outcome { OUTCOME_LOST, OUTCOME_NONSENSE, OUTCOME_END };

static enum outcome serve(int fd) {
  struct halo_session_options options = {
      .triple = HALO_ARCH_NAME "-unknown-linux-gnu",
      .page_bytes = 4096,
      .services = services,
      .service_count = collect_services(),
      .frame_limit_bytes = FRAME_LIMIT,
      .stall_limit_ns = STALL_LIMIT_NS,
      .report = report,
  };
  struct halo_session *session = halo_session_open(fd, fd, &options);
  if (!session)
    return OUTCOME_LOST;
  uint64_t housekeeping_due = halo_sys_now_ns() + HOUSEKEEPING_NS;
  int status;
  enum outcome outcome = OUTCOME_END;
  while ((status = halo_session_step(session)) == 1)
    if (!wait_and_work(fd, &housekeeping_due))
      break;
  if (status == 0 || status == HALO_E_GONE)
    outcome = OUTCOME_LOST;
  else if (status != 1)
    outcome = OUTCOME_NONSENSE;
  if (outcome == OUTCOME_NONSENSE)
    halo_log(HALO_LOG_ERROR, "the server breaks the protocol: %s", halo_session_error(session));
  else
    halo_log(HALO_LOG_INFO, "disconnected: %s", halo_session_error(session));
  halo_session_close(session);
  stop_measuring();
  return outcome;
}

static uint64_t jitter(uint64_t ns) {
  uint64_t random = 0;
  halo_sys_getrandom(&random, sizeof random, 1 /* GRND_NONBLOCK */);
  return ns / 2 + random % (ns + 1);
}

/* False: the program's threads have all ended meanwhile. */
static bool sleep_ns(uint64_t ns) {
  uint64_t end = halo_sys_now_ns() + ns;
  for (uint64_t now; (now = halo_sys_now_ns()) < end;)
    if (!halo_threads_wait(-1, end - now))
      return false;
  return true;
}

void halo_loop_run(uint64_t delay_ns) {
  uint64_t backoff_ns = BACKOFF_LEAST_NS;
  bool has_begun = false;
  if (delay_ns && !sleep_ns(delay_ns))
    return;
  for (;;) {
    if (!halo_identity_follow(&is_confined))
      break;
    int fd = halo_peer_connect();
    if (fd >= 0) {
      if (!has_begun) {
        halo_code_begin();
        halo_unwinder_report();
        if (!is_confined)
          halo_farewell_begin();
        has_begun = true;
      }
      uint64_t begin_ns = halo_sys_now_ns();
      enum outcome outcome = serve(fd);
      if (outcome != OUTCOME_LOST)
        halo_entries_retire_all();
      if (outcome == OUTCOME_END)
        break;
      if (outcome == OUTCOME_LOST && halo_sys_now_ns() - begin_ns > BACKOFF_MOST_NS)
        backoff_ns = BACKOFF_LEAST_NS;
    }
    if (!sleep_ns(jitter(backoff_ns)))
      break;
    backoff_ns = backoff_ns * 2 < BACKOFF_MOST_NS ? backoff_ns * 2 : BACKOFF_MOST_NS;
  }
  halo_entries_retire_all();
  halo_log(HALO_LOG_INFO, "the monitor is inert from here on");
}
