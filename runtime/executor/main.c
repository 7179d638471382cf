/* executor/main.c: halo-executor, a process that runs what an LLVM ORC controller sends it.
 *
 * In: a connection (executor/link.h). Out: the exit status: 0 when the controller hung up in order,
 * 1 when the connection was lost or broke the protocol, 2 for a bad command line. User code that
 * exits ends the process with its own status.
 *
 * main: connect, offer services, handle messages until hang-up.
 */
#include "crash.h"
#include "dispatch.h"
#include "freeze.h"
#include "halo/exec.h"
#include "halo/keeper.h"
#include "libraries.h"
#include "link.h"
#include "pack.h"
#include "redirect.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVICES 64
#define EXIT_LOST 1
#define EXIT_USAGE 2

#if defined(__x86_64__)
static const char triple[] = "x86_64-unknown-linux-gnu";
#else
static const char triple[] = "aarch64-unknown-linux-gnu";
#endif

static const char usage[] =
    "Usage: halo-executor CONNECTION [ARGUMENT...]\n"
    "\n"
    "Runs the code that an LLVM 22 ORC controller sends: clang-repl --oop-executor, llvm-jitlink\n"
    "-oop-executor, halo-repl. CONNECTION is one of\n"
    "\n"
    "  filedescs=IN,OUT    read from and write to inherited descriptors\n"
    "  listen=HOST:PORT    wait for one controller; port 0: any. Says \"Listening at HOST:PORT\"\n"
    "                      on standard error\n"
    "  connect=HOST:PORT   connect to a controller that listens\n"
    "  keep=FD             be started, frozen and thawed by orders from an inherited socket\n"
    "\n"
    "HOST must be a loopback address, and the controller must run as the same user or root.\n"
    "Further arguments are ignored.\n";

void halo_complain(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("halo-executor: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

static void report(void *context, const char *message) {
  (void)context;
  halo_complain("%s", message);
}

/* ---- services ---- */

static struct halo_arena arena;
static struct halo_service services[SERVICES];
static size_t service_count;

static void offer(const struct halo_service *(*table)(size_t *)) {
  size_t count;
  const struct halo_service *from = table(&count);
  memcpy(services + service_count, from, count * sizeof *from);
  service_count += count;
}

static void offer_all(bool is_kept) {
  offer(halo_memory_services);
  offer(halo_access_services);
  offer(halo_unwind_services);
  offer(halo_debugger_services);
  offer(halo_dylib_services);
  offer(halo_run_services);
  offer(halo_dispatch_services);
  if (is_kept) {
    offer(halo_freeze_services);
    offer(halo_libraries_services);
    offer(halo_pack_services);
    offer(halo_redirect_services);
  }
  halo_arena_init(&arena, 0, 0);
  arena.limit_bytes = 1ull << 40;
  halo_memory_allow_arena(&arena);
  for (size_t i = 0; i < service_count; i++)
    if (strcmp(services[i].name, HALO_MEMORY_INSTANCE) == 0)
      services[i].value = (uint64_t)(uintptr_t)&arena;
  halo_unwind_prepare_on_demand();
}

/* ---- the program ---- */

static int serve(const struct halo_link *link, bool tells_crashes) {
  const struct halo_session_options options = {
      .triple = triple,
      .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
      .services = services,
      .service_count = service_count,
      .allows_any_wrapper = true,
      .report = report,
      .take_turn = halo_dispatch_take_turn,
      .yield_turn = halo_dispatch_yield_turn,
  };
  struct halo_session *session = halo_session_open(link->in, link->out, &options);
  if (!session) {
    halo_complain("the controller does not take the setup message");
    return EXIT_LOST;
  }
  halo_dispatch_attach(session);
  if (tells_crashes)
    halo_crash_attach(session);
  int status;
  while ((status = halo_session_step(session)) == 1)
    if ((status = halo_session_wait(session, -1)) < 0)
      break;
  /* The session stays in memory: threads of user code may still be inside of it. */
  halo_dispatch_attach(NULL);
  return status < 0 ? EXIT_LOST : EXIT_SUCCESS;
}

static bool open_link(const char *argument, struct halo_link *link) {
  static const struct {
    const char *prefix;
    bool (*open)(const char *, struct halo_link *);
  } kinds[] = {
      {"filedescs=", halo_link_descriptors},
      {"listen=", halo_link_listen},
      {"connect=", halo_link_connect},
  };
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    size_t bytes = strlen(kinds[i].prefix);
    if (strncmp(argument, kinds[i].prefix, bytes) == 0)
      return kinds[i].open(argument + bytes, link);
  }
  halo_complain("unknown connection '%s'; see halo-executor --help", argument);
  return false;
}

static int live(void *context, const int *descriptors, size_t count) {
  (void)context;
  if (count != 1)
    return EXIT_USAGE;
  offer_all(true);
  exit(serve(&(struct halo_link){descriptors[0], descriptors[0]}, true)); /* user code has handlers */
}

static int keep(const char *argument) {
  char *end;
  long fd = strtol(argument, &end, 10);
  if (end == argument || *end || fd < 0 || fd > 0x7fffffff) {
    halo_complain("keep=%s: expected a descriptor number, keep=FD", argument);
    return EXIT_USAGE;
  }
  int status = halo_keeper_run((int)fd, live, NULL);
  if (status < 0)
    halo_complain("keep=%s: %s", argument, strerror(-status));
  return status < 0 ? EXIT_LOST : EXIT_SUCCESS;
}

int main(int argc, char **argv) {
  struct halo_link link;
  if (argc < 2) {
    fputs(usage, stderr);
    return EXIT_USAGE;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
    fputs(usage, stdout);
    return EXIT_SUCCESS;
  }
  if (strncmp(argv[1], "keep=", 5) == 0)
    return keep(argv[1] + 5);
  if (!open_link(argv[1], &link))
    return EXIT_USAGE;
  offer_all(false);
  return serve(&link, false);
}
