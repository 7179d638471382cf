/* The memory services, called through a session as a controller calls them. */
#include "check.h"
#include "halo/exec.h"
#include "halo/protocol.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE 4096

static struct halo_arena arena;
static struct halo_session *session;
static struct halo_service services[32];
static size_t service_count;

/* ---- actions under test: they note that they ran ---- */

static char ran[64];

static int note(struct halo_call *call) {
  strncat(ran, (const char *)call->in.at, (size_t)(call->in.end - call->in.at));
  halo_write_u8(call->out, 0);
  return 0;
}
static int fail(struct halo_call *call) {
  halo_write_u8(call->out, 1);
  halo_write_string(call->out, "it broke");
  return 0;
}

static uint64_t tag_of(const char *name) {
  for (size_t i = 0; i < service_count; i++)
    if (strcmp(services[i].name, name) == 0)
      return (uint64_t)(uintptr_t)services[i].run;
  CHECK(!"service exists");
  return 0;
}

static void offer(const struct halo_service *from, size_t count) {
  memcpy(services + service_count, from, count * sizeof *from);
  service_count += count;
}

static void set_up(void) {
  static const struct halo_service own[] = {{"note", note, 0, NULL}, {"fail", fail, 0, NULL}};
  size_t count;
  int pair[2];
  const struct halo_service *table = halo_memory_services(&count);
  offer(table, count);
  table = halo_access_services(&count);
  offer(table, count);
  offer(own, 2);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  struct halo_session_options options = {
      .triple = "t", .page_bytes = PAGE, .services = services, .service_count = service_count};
  session = halo_session_open(pair[0], pair[0], &options);
  CHECK(session);
  halo_arena_init(&arena, 0, 0);
  CHECK_EQUAL(halo_memory_allow_arena(&arena), 0);
}

/* Calls a service; the result stays valid until the next call. */
static struct halo_reader call(const char *name, const struct halo_writer *arguments) {
  static struct halo_writer out;
  halo_writer_reset(&out);
  int status = halo_session_invoke(session, tag_of(name), arguments->data, arguments->bytes, &out);
  struct halo_reader reader = halo_reader_over(out.data, out.bytes);
  reader.is_bad = status < 0;
  return reader;
}

#define MANAGER "__llvm_orc_SimpleExecutorMemoryManager_"

static struct halo_writer arguments_for(const struct halo_arena *instance) {
  struct halo_writer arguments = {0};
  halo_write_u64(&arguments, (uint64_t)(uintptr_t)instance);
  return arguments;
}

static uint64_t reserve(uint64_t bytes) {
  struct halo_writer arguments = arguments_for(&arena);
  halo_write_u64(&arguments, bytes);
  struct halo_reader result = call(MANAGER "reserve_wrapper", &arguments);
  halo_writer_free(&arguments);
  CHECK_EQUAL(halo_read_u8(&result), 1);
  return halo_read_u64(&result);
}

static void release(uint64_t address) {
  struct halo_writer arguments = arguments_for(&arena);
  halo_write_u64(&arguments, 1);
  halo_write_u64(&arguments, address);
  struct halo_reader result = call(MANAGER "release_wrapper", &arguments);
  halo_writer_free(&arguments);
  CHECK_EQUAL(halo_read_u8(&result), 0);
}

/* ---- an initialize request, built piece by piece ---- */

struct request {
  struct halo_writer segments, actions;
  uint64_t segment_count, action_count;
};

static void add_segment(struct request *request, uint8_t flags, uint64_t address, uint64_t bytes,
                        const void *content, size_t content_bytes) {
  halo_write_u8(&request->segments, flags);
  halo_write_u64(&request->segments, address);
  halo_write_u64(&request->segments, bytes);
  halo_write_bytes(&request->segments, content, content_bytes);
  request->segment_count++;
}

static void add_action(struct request *request, const char *name, const char *text, const char *undo,
                       const char *undo_text) {
  halo_write_u64(&request->actions, name ? tag_of(name) : 0);
  halo_write_string(&request->actions, text);
  halo_write_u64(&request->actions, undo ? tag_of(undo) : 0);
  halo_write_string(&request->actions, undo_text);
  request->action_count++;
}

/* The key, or 0 with the message in `why`. */
static uint64_t initialize(struct request *request, char why[256]) {
  struct halo_writer arguments = arguments_for(&arena);
  halo_write_u64(&arguments, request->segment_count);
  halo_write_raw(&arguments, request->segments.data, request->segments.bytes);
  halo_write_u64(&arguments, request->action_count);
  halo_write_raw(&arguments, request->actions.data, request->actions.bytes);
  struct halo_reader result = call(MANAGER "initialize_wrapper", &arguments);
  halo_writer_free(&arguments);
  halo_writer_free(&request->segments);
  halo_writer_free(&request->actions);
  *request = (struct request){0};
  CHECK(!result.is_bad);
  if (halo_read_u8(&result) == 1)
    return halo_read_u64(&result);
  struct halo_view message = halo_read_bytes(&result);
  CHECK(!result.is_bad && message.bytes < 256);
  memcpy(why, message.data, message.bytes);
  why[message.bytes] = 0;
  return 0;
}

static bool is_readable(uint64_t address) {
  char byte;
  return halo_memory_read(&byte, address, 1) == 0;
}

enum { READ = 1, WRITE = 2, EXEC = 4, FINALIZE = 8 };

/* mov $42, %eax; ret */
static const uint8_t code[] = {0xb8, 42, 0, 0, 0, 0xc3};

/* ---- tests ---- */

static void code_runs_and_pages_are_protected(void) {
  struct request request = {0};
  char why[256];
  uint64_t base = reserve(4 * PAGE);
  CHECK(!is_readable(base)); /* reserved, not yet there */
  add_segment(&request, READ | EXEC, base, sizeof code, code, sizeof code);
  add_segment(&request, READ | WRITE, base + PAGE, 2 * PAGE, "data", 4);
  add_segment(&request, READ, base + 3 * PAGE, 16, "constant", 8);
  CHECK_EQUAL(initialize(&request, why), base);
#if defined(__x86_64__)
  int (*run)(void) = (int (*)(void))(uintptr_t)base;
  CHECK_EQUAL(run(), 42);
#endif
  CHECK(halo_memory_write(base, "x", 1) < 0);            /* code is not writable */
  CHECK(halo_memory_write(base + 3 * PAGE, "x", 1) < 0); /* nor are constants */
  CHECK(memcmp((void *)(base + PAGE), "data\0\0\0", 8) == 0);
  CHECK_EQUAL(*(uint64_t *)(base + 3 * PAGE - 8), 0); /* zero-filled to its end */
  CHECK_EQUAL(halo_memory_write(base + PAGE, "DATA", 4), 0);
  release(base);
  CHECK(!is_readable(base));
  CHECK_EQUAL(arena.reserved_bytes, 0);
}

static void bad_requests_leave_nothing_open(void) {
  struct request request = {0};
  char why[256];
  uint64_t base = reserve(2 * PAGE);
  add_segment(&request, READ, base, PAGE, "first", 5);
  add_segment(&request, READ | WRITE | EXEC, base + PAGE, 16, code, sizeof code);
  CHECK_EQUAL(initialize(&request, why), 0);
  CHECK(strstr(why, "both writable and executable"));
  CHECK(!is_readable(base));
  add_segment(&request, READ, base + PAGE, PAGE + 1, "x", 1);
  CHECK_EQUAL(initialize(&request, why), 0);
  CHECK(strstr(why, "no reserved memory"));
  add_segment(&request, READ, base, 16, "x", 1);
  add_segment(&request, READ, base - 2 * PAGE, 16, "x", 1);
  CHECK_EQUAL(initialize(&request, why), 0);
  CHECK(strstr(why, "outside"));
  add_segment(&request, READ, base, UINT64_MAX - 8, "x", 1);
  CHECK_EQUAL(initialize(&request, why), 0);
  add_segment(&request, READ, base, 2, "content", 7);
  CHECK_EQUAL(initialize(&request, why), 0);
  CHECK(strstr(why, "more content"));
  CHECK_EQUAL(initialize(&request, why), 0);
  CHECK(strstr(why, "without segments"));
  CHECK(!is_readable(base));
  release(base);
}

static void actions_run_in_order_and_are_undone_in_reverse(void) {
  struct request request = {0};
  char why[256];
  uint64_t base = reserve(2 * PAGE);
  ran[0] = 0;
  add_segment(&request, READ, base, 16, "x", 1);
  add_segment(&request, READ | FINALIZE, base + PAGE, 16, "once", 4);
  add_action(&request, "note", "1", "note", "a");
  add_action(&request, "note", "2", NULL, "");
  add_action(&request, NULL, "", "note", "b");
  uint64_t key = initialize(&request, why);
  CHECK_EQUAL(key, base);
  CHECK(strcmp(ran, "12") == 0);
  CHECK(is_readable(base) && !is_readable(base + PAGE)); /* what finalization needed is gone */
  struct halo_writer arguments = arguments_for(&arena);
  halo_write_u64(&arguments, 1);
  halo_write_u64(&arguments, key);
  struct halo_reader result = call(MANAGER "deinitialize_wrapper", &arguments);
  CHECK_EQUAL(halo_read_u8(&result), 0);
  CHECK(strcmp(ran, "12ba") == 0);
  result = call(MANAGER "deinitialize_wrapper", &arguments); /* twice is an error */
  CHECK_EQUAL(halo_read_u8(&result), 1);
  halo_writer_free(&arguments);

  add_segment(&request, READ, base, 16, "x", 1);
  add_action(&request, "note", "3", "note", "c");
  add_action(&request, "note", "4", "note", "d");
  add_action(&request, "fail", "", "note", "never");
  CHECK_EQUAL(initialize(&request, why), 0);
  CHECK(strstr(why, "it broke"));
  CHECK(strcmp(ran, "12ba34dc") == 0);
  CHECK(!is_readable(base));

  char long_text[400];
  memset(long_text, 'e', sizeof long_text - 1);
  long_text[sizeof long_text - 1] = 0;
  add_segment(&request, READ, base, 16, "x", 1);
  add_action(&request, NULL, "", "fail", long_text); /* does not fit a record's own bytes */
  add_action(&request, NULL, "", "note", "f");
  CHECK_EQUAL(initialize(&request, why), base);
  arguments = arguments_for(&arena);
  halo_write_u64(&arguments, 1);
  halo_write_u64(&arguments, base);
  result = call(MANAGER "release_wrapper", &arguments); /* release runs what deinitialize did not */
  CHECK_EQUAL(halo_read_u8(&result), 1);
  CHECK(strcmp(ran, "12ba34dcf") == 0);
  CHECK(!is_readable(base)); /* released although an action failed */
  halo_writer_free(&arguments);
}

static void strangers_are_refused(void) {
  struct halo_arena other;
  halo_arena_init(&other, 0, 0);
  struct halo_writer arguments = arguments_for(&other);
  halo_write_u64(&arguments, PAGE);
  struct halo_reader result = call(MANAGER "reserve_wrapper", &arguments);
  CHECK_EQUAL(halo_read_u8(&result), 0);
  halo_writer_reset(&arguments);
  halo_write_u64(&arguments, (uint64_t)(uintptr_t)&arena);
  halo_write_u64(&arguments, 1ull << 40);
  result = call(MANAGER "reserve_wrapper", &arguments);
  CHECK_EQUAL(halo_read_u8(&result), 0);
  arguments.bytes = 12; /* cut inside an argument */
  result = call(MANAGER "reserve_wrapper", &arguments);
  CHECK(result.is_bad);
  halo_writer_free(&arguments);
}

static void memory_is_read_and_written(void) {
  struct halo_writer arguments = {0};
  uint16_t values[2] = {1, 2};
  halo_write_u64(&arguments, 2);
  for (int i = 0; i < 2; i++) {
    halo_write_u64(&arguments, (uint64_t)(uintptr_t)&values[i]);
    halo_write_u16(&arguments, (uint16_t)(500 + i));
  }
  struct halo_reader result = call("__llvm_orc_bootstrap_mem_write_uint16s_wrapper", &arguments);
  CHECK(!result.is_bad && values[0] == 500 && values[1] == 501);

  char text[600];
  memset(text, 'y', sizeof text - 1);
  text[sizeof text - 1] = 0;
  halo_writer_reset(&arguments);
  halo_write_u64(&arguments, 2);
  halo_write_u64(&arguments, (uint64_t)(uintptr_t)text);
  halo_write_u64(&arguments, (uint64_t)(uintptr_t)&text[sizeof text - 1]);
  result = call("__llvm_orc_bootstrap_mem_read_strings_wrapper", &arguments);
  CHECK_EQUAL(halo_read_u64(&result), 2);
  struct halo_view view = halo_read_bytes(&result);
  CHECK(view.bytes == sizeof text - 1 && memcmp(view.data, text, view.bytes) == 0);
  CHECK_EQUAL(halo_read_bytes(&result).bytes, 0);
  CHECK(!result.is_bad && result.at == result.end);

  halo_writer_reset(&arguments);
  halo_write_u64(&arguments, 1);
  halo_write_u64(&arguments, (uint64_t)(uintptr_t)text);
  halo_write_u64(&arguments, (uint64_t)(uintptr_t)text + 3);
  result = call("__llvm_orc_bootstrap_mem_read_buffers_wrapper", &arguments);
  CHECK_EQUAL(halo_read_u64(&result), 1);
  CHECK_EQUAL(halo_read_bytes(&result).bytes, 3);

  halo_writer_reset(&arguments);
  halo_write_u64(&arguments, 1);
  halo_write_u64(&arguments, 16); /* nothing is mapped there */
  result = call("__llvm_orc_bootstrap_mem_read_uint64s_wrapper", &arguments);
  CHECK(result.is_bad);
  halo_write_u8(&arguments, 1);
  result = call("__llvm_orc_bootstrap_mem_write_uint8s_wrapper", &arguments);
  CHECK(result.is_bad);
  halo_writer_free(&arguments);
}

/* Every byte of [address, +bytes) and every byte of [low, high) are within 2 GiB of each other. */
static void check_reach(uint64_t low, uint64_t high, uint64_t address, uint64_t bytes) {
  CHECK(address);
  CHECK(address + bytes <= low || address >= high);
  if (address < low)
    CHECK(high - address < (1ull << 31));
  else
    CHECK(address + bytes - low < (1ull << 31));
}

static void arenas_are_near_their_image(const void *inside) {
  struct halo_arena near;
  uint64_t low = (uint64_t)(uintptr_t)inside & ~(uint64_t)(PAGE - 1), high = low + PAGE;
  halo_arena_init(&near, low, high);
  uint64_t addresses[64];
  for (int i = 0; i < 64; i++) {
    uint64_t bytes = (uint64_t)(1 + i % 5) * PAGE - 100;
    addresses[i] = halo_arena_reserve(&near, bytes);
    check_reach(low, high, addresses[i], bytes);
    for (int j = 0; j < i; j++)
      CHECK(addresses[j] != addresses[i]);
  }
  for (int i = 63; i >= 0; i--)
    CHECK_EQUAL(halo_arena_release(&near, addresses[i]), 0);
  CHECK(halo_arena_release(&near, addresses[0]) < 0);
  CHECK_EQUAL(near.reserved_bytes, 0);
  near.limit_bytes = 4 * PAGE;
  CHECK(halo_arena_reserve(&near, 3 * PAGE) && !halo_arena_reserve(&near, 2 * PAGE));
}

int main(void) {
  int on_stack = 0;
  set_up();
  RUN(code_runs_and_pages_are_protected());
  RUN(bad_requests_leave_nothing_open());
  RUN(actions_run_in_order_and_are_undone_in_reverse());
  RUN(strangers_are_refused());
  RUN(memory_is_read_and_written());
  RUN(arenas_are_near_their_image((const void *)main));
  RUN(arenas_are_near_their_image(dlsym(RTLD_DEFAULT, "getpid")));
  RUN(arenas_are_near_their_image(&on_stack));
  halo_memory_forbid_arena(&arena);
  halo_session_close(session);
  return 0;
}
