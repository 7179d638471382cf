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
#include "guests.h"
#include "halo/exec.h"
#include "halo/keeper.h"
#include "libraries.h"
#include "limits.h"
#include "link.h"
#include "pack.h"
#include "redirect.h"
#include "remote.h"

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
    "  listen=HOST:PORT    wait for one controller, or for one halo-repl after the other, which says\n"
    "                      --oop-executor-connect=HOST:PORT; port 0: any. Says \"Listening at\n"
    "                      HOST:PORT\" on standard error\n"
    "  connect=HOST:PORT   connect to a controller that listens\n"
    "  keep=FD             be started, frozen and thawed by orders from an inherited socket\n"
    "\n"
    "HOST must be a loopback address, and the controller must run as the same user or root: from\n"
    "another machine through a tunnel, as ssh -L PORT:127.0.0.1:PORT.\n"
    "\n"
    "With listen= and keep=, a second argument memory=SIZE limits the data of what halo-repl runs; by\n"
    "default to three quarters of the machine's memory or the control group's. Further arguments are\n"
    "ignored.\n";

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

enum offered { TO_ANYBODY, TO_WHO_LISTENS, TO_KEPT };

static void offer_all(enum offered offered) {
  service_count = 0;
  offer(halo_memory_services);
  offer(halo_access_services);
  offer(halo_unwind_services);
  offer(halo_debugger_services);
  offer(halo_dylib_services);
  offer(halo_run_services);
  offer(halo_dispatch_services);
  if (offered == TO_WHO_LISTENS)
    offer(halo_remote_services);
  if (offered == TO_KEPT) {
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

static struct halo_session_options options_for(bool tells_crashes) {
  return (struct halo_session_options){
      .triple = triple,
      .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
      .services = services,
      .service_count = service_count,
      .allows_any_wrapper = true,
      .report = tells_crashes ? NULL : report, /* standard error is the user's there */
      .take_turn = halo_dispatch_take_turn,
      .yield_turn = halo_dispatch_yield_turn,
  };
}

/* `control`: -1, or what is to be served as remote.h has it, when a front has asked for that. */
static int converse(struct halo_session *session, bool tells_crashes, int *control) {
  halo_dispatch_attach(session);
  if (tells_crashes)
    halo_crash_attach(session);
  int status;
  while ((status = halo_session_step(session)) == 1 && *control < 0)
    if ((*control = halo_remote_take()) < 0 && (status = halo_session_wait(session, -1)) < 0)
      break;
  halo_dispatch_attach(NULL);
  if (*control >= 0)
    halo_session_close(session); /* hangs up; no user code has run */
  /* Else the session stays in memory: threads of user code may still be inside of it. */
  return status < 0 ? EXIT_LOST : EXIT_SUCCESS;
}

static int serve(const struct halo_link *link, bool tells_crashes) {
  const struct halo_session_options options = options_for(tells_crashes);
  struct halo_session *session = halo_session_open(link->in, link->out, &options);
  int none = -1;
  if (session)
    return converse(session, tells_crashes, &none);
  halo_complain("the controller does not take the setup message");
  return EXIT_LOST;
}

static bool open_link(const char *argument, struct halo_link *link) {
  static const struct {
    const char *prefix;
    bool (*open)(const char *, struct halo_link *);
  } kinds[] = {
      {"filedescs=", halo_link_descriptors},
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

/* As at a terminal, wherever it goes: what an input prints is seen while the input runs, and also when
 * it crashes. Inputs may change that. Before glibc reads from such a stdin, it writes such a stdout:
 * prompts come before questions. */
static void buffer_lines(void) {
  setvbuf(stdin, NULL, _IOLBF, 0);
  setvbuf(stdout, NULL, _IOLBF, 0);
}

static int live(void *context, const int *descriptors, size_t count) {
  const uint64_t *memory_bytes = context;
  if (count != 1)
    return EXIT_USAGE;
  halo_freeze_begin();
  halo_limits_set(*memory_bytes);
  buffer_lines();
  offer_all(TO_KEPT);
  int wire = halo_keeper_lift(descriptors[0]);
  int status = serve(&(struct halo_link){wire, wire}, true);
  exit(status == EXIT_LOST ? HALO_EXIT_CUT : EXIT_SUCCESS); /* user code has handlers */
}

static int keep(const char *argument, uint64_t memory_bytes) {
  char *end;
  long fd = strtol(argument, &end, 10);
  if (end == argument || *end || fd < 0 || fd > 0x7fffffff) {
    halo_complain("keep=%s: expected a descriptor number, keep=FD", argument);
    return EXIT_USAGE;
  }
  int status = halo_keeper_run((int)fd, live, &memory_bytes);
  if (status < 0)
    halo_complain("keep=%s: %s", argument, strerror(-status));
  return status < 0 ? EXIT_LOST : EXIT_SUCCESS;
}

static int listen_at(const char *endpoint, uint64_t memory_bytes) {
  int listener = halo_link_listen(endpoint);
  if (listener < 0)
    return EXIT_USAGE;
  for (int peer = -1;;) {
    int control = -1;
    offer_all(TO_WHO_LISTENS);
    const struct halo_session_options options = options_for(false);
    int status = converse(halo_guests_meet(listener, peer, &options), false, &control);
    if (control < 0)
      return status;
    peer = halo_remote_serve(control, listener, live, &memory_bytes);
  }
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
  uint64_t memory_bytes = 0;
  if (argc > 2 && strncmp(argv[2], "memory=", 7) == 0 && !halo_limits_parse(argv[2] + 7, &memory_bytes)) {
    halo_complain("%s: expected a size of at least %uM, as memory=500M or memory=8G", argv[2],
                  HALO_LIMITS_LEAST_BYTES >> 20);
    return EXIT_USAGE;
  }
  if (strncmp(argv[1], "keep=", 5) == 0)
    return keep(argv[1] + 5, memory_bytes);
  if (strncmp(argv[1], "listen=", 7) == 0)
    return listen_at(argv[1] + 7, memory_bytes);
  if (!open_link(argv[1], &link))
    return EXIT_USAGE;
  offer_all(TO_ANYBODY);
  return serve(&link, false);
}
