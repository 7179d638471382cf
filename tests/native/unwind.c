/* Unwinding through code that was linked in: registered on a thread without libc state, in a C
 * program that did not load libgcc_s; then unwound from main. */
#include "check.h"
#include "halo/exec.h"
#include "halo/sys.h"

#include <dlfcn.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_SANITIZER 1 /* loads libgcc_s itself; its code cannot run without libc state */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

#ifndef HAS_SANITIZER
#define HAS_SANITIZER 0
#endif

/* push %rbp; mov %rsp,%rbp; call *%rdi; pop %rbp; ret */
static const uint8_t code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};

/*     +0  length, 0, version 1, "", code align 1, data align -8, return address column 16,
 *         CFA = rsp+8, return address at CFA-8                                             CIE
 *    +20  length, back to CIE, begin, bytes; after push: CFA = rsp+16, rbp at CFA-16;
 *         after mov: CFA = rbp+16                                                          FDE
 *         0: the end */
static size_t write_table(struct halo_writer *table, uint64_t begin, uint64_t bytes) {
  static const uint8_t cie[] = {0x01, 0x00, 0x01, 0x78, 0x10, 0x0c, 0x07, 0x08, 0x90, 0x01, 0, 0};
  static const uint8_t fde[] = {0x41, 0x0e, 0x10, 0x86, 0x02, 0x43, 0x0d, 0x06};
  halo_write_u32(table, 4 + sizeof cie);
  halo_write_u32(table, 0);
  halo_write_raw(table, cie, sizeof cie);
  halo_write_u32(table, 4 + 16 + sizeof fde);
  halo_write_u32(table, (uint32_t)table->bytes);
  halo_write_u64(table, begin);
  halo_write_u64(table, bytes);
  halo_write_raw(table, fde, sizeof fde);
  halo_write_u32(table, 0);
  return table->bytes;
}

static halo_service_fn *service(const char *name) {
  size_t count;
  const struct halo_service *services = halo_unwind_services(&count);
  for (size_t i = 0; i < count; i++)
    if (strcmp(services[i].name, name) == 0)
      return services[i].run;
  CHECK(!"service exists");
  return NULL;
}

/* ---- one action, possibly on a raw thread: no CHECK in there ---- */

struct action {
  halo_service_fn *run;
  uint64_t begin, end;
  int status;
  uint8_t has_error;
  char message[256];
};

static void run_action(void *context) {
  struct action *action = context;
  struct halo_writer arguments = {0}, out = {0};
  halo_write_u64(&arguments, action->begin);
  halo_write_u64(&arguments, action->end);
  struct halo_call call = {.in = halo_reader_over(arguments.data, arguments.bytes), .out = &out};
  action->status = action->run(&call);
  struct halo_reader result = halo_reader_over(out.data, out.bytes);
  action->has_error = halo_read_u8(&result);
  struct halo_view message = halo_read_bytes(&result);
  if (action->has_error && message.bytes < sizeof action->message)
    memcpy(action->message, message.data, message.bytes);
  halo_writer_free(&arguments);
  halo_writer_free(&out);
}

static struct action act(const char *name, uint64_t begin, uint64_t end) {
  struct action action = {.run = service(name), .begin = begin, .end = end};
  if (HAS_SANITIZER) {
    run_action(&action);
    return action;
  }
  size_t bytes = 128 << 10;
  void *pages = halo_sys_pages(bytes);
  int tid = 0;
  CHECK(pages && halo_sys_thread_start(run_action, &action, pages, bytes, &tid) > 0);
  for (int now; (now = __atomic_load_n(&tid, __ATOMIC_ACQUIRE)) != 0;)
    halo_sys_futex_wait_shared(&tid, (uint32_t)now, NULL);
  halo_sys_munmap(pages, bytes);
  return action;
}

/* ---- the unwinder's interface, from libgcc_s when it is there ---- */

struct walk {
  uint64_t jit_begin, jit_end, caller;
  int saw_jit, saw_beyond;
};
static int (*backtrace_with)(int (*)(void *, void *), void *);
static uintptr_t (*ip_of)(void *);
static struct walk walk;

static int visit(void *context, void *argument) {
  (void)argument;
  uint64_t ip = ip_of(context);
  if (walk.saw_jit && ip != walk.jit_begin)
    walk.saw_beyond = 1;
  if (ip >= walk.jit_begin && ip < walk.jit_end)
    walk.saw_jit = 1;
  return 0;
}

static void callback(void) { backtrace_with(visit, NULL); }

static struct walk walk_through(uint64_t begin) {
  void (*run)(void (*)(void)) = (void (*)(void (*)(void)))(uintptr_t)begin;
  walk = (struct walk){.jit_begin = begin, .jit_end = begin + sizeof code};
  run(callback);
  return walk;
}

int main(void) {
  case_begin("unwind");
  uint8_t *page = halo_sys_pages(4096);
  struct halo_writer table = {0};
  memcpy(page, code, sizeof code);
  uint64_t begin = (uint64_t)(uintptr_t)page, frames = begin + 1024;
  size_t bytes = write_table(&table, begin, sizeof code);
  memcpy(page + 1024, table.data, bytes);

  if (!HAS_SANITIZER) { /* a plain C program has no unwinder: an error that says so */
    CHECK_EQUAL(halo_unwind_prepare(false), 0);
    struct action refused = act("llvm_orc_registerEHFrameAllocAction", frames, frames + bytes);
    CHECK(refused.has_error && strstr(refused.message, "libgcc_s"));
  }
  CHECK(halo_unwind_prepare(true) >= 1);
  CHECK_EQUAL(halo_unwind_prepare(true), 1); /* asking again adds nothing */
  void *library = dlopen("libgcc_s.so.1", RTLD_LAZY);
  CHECK(library);
  *(void **)&backtrace_with = dlsym(library, "_Unwind_Backtrace");
  *(void **)&ip_of = dlsym(library, "_Unwind_GetIP");
  CHECK(backtrace_with && ip_of);
  CHECK_EQUAL(halo_sys_mprotect(page, 4096, PROT_READ | PROT_EXEC), 0);

  walk_through(begin);
  CHECK(!walk.saw_beyond); /* not registered: the walk ends at our code */
  struct action added = act("llvm_orc_registerEHFrameAllocAction", frames, frames + bytes);
  CHECK(added.status == 0 && !added.has_error);
  walk_through(begin);
  CHECK(walk.saw_jit && walk.saw_beyond);

  struct action cut = act("llvm_orc_registerEHFrameAllocAction", frames, frames + bytes - 4);
  CHECK(cut.has_error && strstr(cut.message, "terminator"));
  struct action empty = act("llvm_orc_registerEHFrameAllocAction", frames + bytes - 4, frames + bytes);
  CHECK(empty.status == 0 && !empty.has_error);

  struct action removed = act("llvm_orc_deregisterEHFrameAllocAction", frames, frames + bytes);
  CHECK(removed.status == 0 && !removed.has_error);
  walk_through(begin);
  CHECK(!walk.saw_beyond);
  struct action again = act("llvm_orc_deregisterEHFrameAllocAction", frames, frames + bytes);
  CHECK(again.has_error); /* libgcc would abort: it was not asked */
  halo_writer_free(&table);
  return 0;
}
