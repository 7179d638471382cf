/* Tables that come and go on a thread that libc does not know, without the unwinder's lock, while
 * the program's only thread (in libc's eyes) unwinds all the time.
 *
 * `test-unwind_index locked` does the same by libgcc's own functions, for whoever wants to see why
 * not: both threads come to hold the lock, and the program crashes or waits for ever.
 */
#include "check.h"
#include "halo/exec.h"
#include "halo/sys.h"

#include <dlfcn.h>
#include <sys/single_threaded.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

#define HOME_BYTES (16ull << 20)
#define ROUNDS 300
#define TABLES 40
#define TABLE_BYTES 256

/* push %rbp; mov %rsp,%rbp; call *%rdi; pop %rbp; ret */
static const uint8_t code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
static const uint8_t code_frames[] = {0x41, 0x0e, 0x10, 0x86, 0x02, 0x43, 0x0d, 0x06};
static const char lsda[4];

static void *library;
static _Unwind_Reason_Code (*walk_with)(_Unwind_Trace_Fn, void *);
static _Unwind_Reason_Code (*raise_with)(struct _Unwind_Exception *);
static uintptr_t (*ip_of)(struct _Unwind_Context *), (*lsda_of)(struct _Unwind_Context *),
    (*start_of)(struct _Unwind_Context *);
static const void *(*find_entry)(void *pc, void *bases);

static void *symbol(const char *name) {
  void *found = dlsym(library, name);
  CHECK(found);
  return found;
}

static void load(void) {
  library = dlopen("libgcc_s.so.1", RTLD_LAZY);
  CHECK(library);
  *(void **)&walk_with = symbol("_Unwind_Backtrace");
  *(void **)&raise_with = symbol("_Unwind_RaiseException");
  *(void **)&ip_of = symbol("_Unwind_GetIP");
  *(void **)&lsda_of = symbol("_Unwind_GetLanguageSpecificData");
  *(void **)&start_of = symbol("_Unwind_GetRegionStart");
  *(void **)&find_entry = symbol("_Unwind_Find_FDE");
}

static void begin_index(void) {
  load();
  CHECK_EQUAL(halo_unwind_begin(symbol("__register_frame_info"), symbol("__deregister_frame_info"),
                                *(void **)&find_entry),
              1);
}

/* ---- tables as linkers write them ---- */

static void put(uint8_t **to, const void *from, size_t bytes) {
  memcpy(*to, from, bytes);
  *to += bytes;
}
static void put_u32(uint8_t **to, uint32_t value) { put(to, &value, 4); }
static void put_u64(uint8_t **to, uint64_t value) { put(to, &value, 8); }
static void put_relative(uint8_t **to, uint64_t value) {
  put_u32(to, (uint32_t)(value - (uint64_t)(uintptr_t)*to));
}

/* Absolute addresses, no personality. Returns the end. */
static uint64_t write_table(uint8_t *to, uint64_t begin, uint64_t bytes) {
  static const uint8_t cie[] = {1, 0, 1, 0x78, 0x10, 0x0c, 7, 8, 0x90, 1, 0, 0};
  uint8_t *from = to;
  put_u32(&to, 4 + sizeof cie);
  put_u32(&to, 0);
  put(&to, cie, sizeof cie);
  put_u32(&to, 4 + 16 + sizeof code_frames);
  put_u32(&to, (uint32_t)(to - from));
  put_u64(&to, begin);
  put_u64(&to, bytes);
  put(&to, code_frames, sizeof code_frames);
  put_u32(&to, 0);
  return (uint64_t)(uintptr_t)to;
}

/* "zPLR", everything relative and short, the personality by way of a slot: what clang -fPIC does. */
static uint64_t write_cxx_table(uint8_t *to, uint64_t begin, uint64_t bytes, const void *personality_slot,
                                const void *data) {
  uint8_t *from = to;
  put_u32(&to, 28);
  put_u32(&to, 0);
  put(&to, "\1zPLR\0\1\x78\x10", 9);
  put(&to, "\7\x9b", 2);
  put_relative(&to, (uint64_t)(uintptr_t)personality_slot);
  put(&to, "\x1b\x1b\x0c\7\x08\x90\1\0\0", 9);
  put_u32(&to, 4 + 8 + 5 + sizeof code_frames + 3);
  put_u32(&to, (uint32_t)(to - from));
  put_relative(&to, begin);
  put_u32(&to, (uint32_t)bytes);
  put(&to, "\4", 1);
  put_relative(&to, (uint64_t)(uintptr_t)data);
  put(&to, code_frames, sizeof code_frames);
  put(&to, "\0\0\0", 3);
  put_u32(&to, 0);
  return (uint64_t)(uintptr_t)to;
}

/* ---- the services; may run on a raw thread: no CHECK in there ---- */

static halo_service_fn *add_service, *remove_service;

static bool act(halo_service_fn *run, uint64_t begin, uint64_t end) {
  struct halo_writer arguments = {0}, out = {0};
  halo_write_u64(&arguments, begin);
  halo_write_u64(&arguments, end);
  struct halo_call call = {.in = halo_reader_over(arguments.data, arguments.bytes), .out = &out};
  bool is_good = run(&call) == 0;
  struct halo_reader result = halo_reader_over(out.data, out.bytes);
  is_good &= !halo_read_u8(&result);
  halo_writer_free(&arguments);
  halo_writer_free(&out);
  return is_good;
}

static void find_services(void) {
  size_t count;
  const struct halo_service *services = halo_unwind_services(&count);
  CHECK_EQUAL(count, 2);
  add_service = services[0].run;
  remove_service = services[1].run;
}

static bool is_found(uint64_t pc) {
  void *bases[8];
  return find_entry((void *)(uintptr_t)pc, (void *)bases) != NULL;
}

/* ---- one piece of code in the middle of the stack ---- */

static uint64_t code_begin;
static int walks_through;

static _Unwind_Reason_Code visit(struct _Unwind_Context *context, void *saw_code) {
  uint64_t ip = ip_of(context);
  if (*(bool *)saw_code && ip != code_begin)
    walks_through++;
  *(bool *)saw_code = ip > code_begin && ip < code_begin + sizeof code;
  return _URC_NO_REASON;
}

static void walk(void) {
  bool saw_code = false;
  walk_with(visit, &saw_code);
}

static void run_code(void (*callback)(void)) {
  void (*run)(void (*)(void)) = (void (*)(void (*)(void)))(uintptr_t)code_begin;
  run(callback);
}

static int personality_calls;
static _Unwind_Reason_Code personality(int version, _Unwind_Action actions, _Unwind_Exception_Class class,
                                       struct _Unwind_Exception *exception, struct _Unwind_Context *context) {
  (void)class, (void)exception;
  CHECK(version == 1 && (actions & _UA_SEARCH_PHASE));
  CHECK_EQUAL(start_of(context), code_begin);
  CHECK_EQUAL(lsda_of(context), (uint64_t)(uintptr_t)lsda);
  personality_calls++;
  return _URC_CONTINUE_UNWIND;
}

static void raise_nothing(void) {
  static struct _Unwind_Exception exception;
  raise_with(&exception);
}

/* ---- the raw thread ---- */

static uint8_t *tables;
static uint64_t fake_code;
static int failures, rounds_done, has_ended;

static uint64_t table_at(int i) { return (uint64_t)(uintptr_t)tables + (uint64_t)i * TABLE_BYTES; }

/* Tables whose memory goes, as variants' does, as soon as they are off. */
static void come_and_go(void *argument) {
  (void)argument;
  for (int round = 0; round < ROUNDS; round++) {
    size_t bytes = TABLES * TABLE_BYTES;
    if (!(tables = halo_sys_pages(bytes)))
      failures++;
    for (int i = 0; i < TABLES; i++) {
      uint64_t begin = fake_code + (uint64_t)((i * 7 + round) % TABLES) * 64;
      failures += !act(add_service, table_at(i), write_table((uint8_t *)(uintptr_t)table_at(i), begin, 64));
    }
    for (int i = 0; i < TABLES; i++)
      failures += !act(remove_service, table_at(i), table_at(i) + 1);
    halo_sys_munmap(tables, bytes);
    __atomic_store_n(&rounds_done, round + 1, __ATOMIC_RELEASE);
  }
  __atomic_store_n(&has_ended, 1, __ATOMIC_RELEASE);
}

static uint8_t *write_code(uint64_t at) {
  uint8_t *page = (uint8_t *)(uintptr_t)at;
  CHECK_EQUAL(halo_sys_mprotect(page, 8192, PROT_READ | PROT_WRITE), 0);
  memcpy(page, code, sizeof code);
  code_begin = at;
  return page + 4096; /* stays writable: for the table */
}

static void close_code(void) {
  CHECK_EQUAL(halo_sys_mprotect((void *)(uintptr_t)code_begin, 4096, PROT_READ | PROT_EXEC), 0);
}

static void test_busy_program(bool is_locked) {
  static struct halo_arena arena;
  halo_arena_init(&arena, (uint64_t)(uintptr_t)code & ~4095ull,
                  ((uint64_t)(uintptr_t)code & ~4095ull) + 4096);
  CHECK(halo_arena_settle(&arena, HOME_BYTES));
  if (is_locked) {
    load();
    CHECK_EQUAL(halo_unwind_prepare(true), 1);
  } else {
    begin_index();
    CHECK(halo_unwind_cover(arena.home_low, arena.home_high));
    CHECK(halo_unwind_cover(0, UINT64_MAX));
  }
  uint64_t block = halo_arena_reserve(&arena, 1 << 20);
  CHECK(block >= arena.home_low && block < arena.home_high);
  fake_code = block + 65536;

  /* Code above the home, outside: the home's object is the one that libgcc asks for it. */
  uint8_t *page = is_locked ? NULL : halo_sys_pages(4096);
  uint64_t outside = (uint64_t)(uintptr_t)page;
  CHECK(is_locked || outside > arena.home_high);
  CHECK(is_locked || act(add_service, outside, write_table(page, outside + 2048, 16)));
  CHECK(is_locked || is_found(outside + 2050));

  uint8_t *table = write_code(block);
  void **slot = (void **)(void *)(table + 512);
  *slot = (void *)(uintptr_t)personality;
  uint64_t begin = (uint64_t)(uintptr_t)table;
  uint64_t end = write_cxx_table(table, block, sizeof code, slot, (const void *)lsda);
  close_code();
  run_code(walk);
  CHECK_EQUAL(walks_through, 0); /* not yet known: the walk ends at the code */
  CHECK(act(add_service, begin, end));
  run_code(walk);
  CHECK_EQUAL(walks_through, 1);
  run_code(raise_nothing);
  CHECK_EQUAL(personality_calls, 1);

  void *stack = halo_sys_pages(128 << 10);
  int tid = 0;
  CHECK(halo_sys_thread_start(come_and_go, NULL, stack, 128 << 10, &tid) > 0);
  int walks = 1;
  while (!__atomic_load_n(&has_ended, __ATOMIC_ACQUIRE)) {
    CHECK(__libc_single_threaded);
    run_code(walk);
    is_found(fake_code + 64u * (unsigned)(walks % TABLES)); /* there or not: it must not crash */
    walks++;
  }
  CHECK_EQUAL(walks_through, walks);
  CHECK_EQUAL(failures, 0);
  CHECK_EQUAL(rounds_done, ROUNDS);
  for (int now; (now = __atomic_load_n(&tid, __ATOMIC_ACQUIRE)) != 0;)
    halo_sys_futex_wait_shared(&tid, (uint32_t)now, NULL);
  for (int i = 0; i < TABLES; i++)
    CHECK(!is_found(fake_code + 64u * (unsigned)i));

  pid_t child = fork();
  if (child == 0) { /* what was known is known here, too, and more can be added */
    run_code(walk);
    CHECK_EQUAL(walks_through, walks + 1);
    CHECK(act(remove_service, begin, end));
    run_code(walk);
    CHECK_EQUAL(walks_through, walks + 1);
    CHECK(act(add_service, begin, end));
    _exit(0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(act(remove_service, begin, end));
  run_code(walk);
  CHECK_EQUAL(walks_through, walks);
  CHECK(is_locked || is_found(outside + 2050));
  CHECK(is_locked || act(remove_service, outside, outside + 1));
  CHECK(!is_found(outside + 2050));
  CHECK_EQUAL(halo_arena_release(&arena, block), 0);
  CHECK_EQUAL(halo_arena_reserve(&arena, 1 << 20), block); /* still at home */
}

/* Somebody else's table, which begins below ours, and ours without a home: libgcc would ask theirs. */
static void test_hidden(void) {
  static uint64_t object[8];
  begin_index();
  CHECK(halo_unwind_cover(0, UINT64_MAX));
  uint8_t *page = halo_sys_pages(65536);
  uint64_t at = (uint64_t)(uintptr_t)page, end;
  end = write_table(page, at + 32768, 16);
  CHECK(act(add_service, at, end));
  CHECK(is_found(at + 32768));

  void (*add)(const void *, void *);
  *(void **)&add = symbol("__register_frame_info");
  write_table(page + 1024, at + 16384, 16);
  add(page + 1024, object);
  CHECK(is_found(at + 16384)); /* now libgcc knows where it begins */
  end = write_table(page + 2048, at + 40000, 16);
  CHECK(!act(add_service, at + 2048, end));
  end = write_table(page + 2048, at + 12000, 16);
  CHECK(act(add_service, at + 2048, end));
  CHECK(is_found(at + 12008) && is_found(at + 16384));
  CHECK(act(remove_service, at + 2048, end));
  CHECK(!is_found(at + 12008) && is_found(at + 16384));
}

/* The unwinder arrives when it is too late to tell it anything. */
static void test_latecomer(void) {
  CHECK_EQUAL(halo_unwind_begin(NULL, NULL, NULL), 0);
  CHECK(!halo_unwind_cover(0, UINT64_MAX));
  uint8_t *page = halo_sys_pages(4096);
  uint64_t at = (uint64_t)(uintptr_t)page;
  uint64_t end = write_cxx_table(page, at + 3000, 16, page + 2048, page + 2050);
  CHECK(act(add_service, at, end)); /* nobody can ask */
  CHECK(act(remove_service, at, end));
  load();
  CHECK(!halo_unwind_meet(NULL));
  CHECK(halo_unwind_meet(symbol("__register_frame_info")));
  CHECK(!halo_unwind_meet(symbol("__register_frame_info")));
  CHECK(!act(add_service, at, end));
  end = write_table(page, at + 3000, 16);
  CHECK(act(add_service, at, end));
}

/* What is not a table is refused and leaves nothing behind; nothing after the end is read. */
static void test_nonsense(void) {
  begin_index();
  CHECK(halo_unwind_cover(0, UINT64_MAX));
  uint8_t *pages = halo_sys_pages(8192), good[256];
  uint64_t code_at = (uint64_t)(uintptr_t)pages + 1024;
  size_t bytes = write_cxx_table(pages, code_at, 16, pages + 512, pages + 516) - (uint64_t)(uintptr_t)pages;
  uint8_t *table = pages + 4096 - bytes;
  uint64_t at = (uint64_t)(uintptr_t)table,
           end = write_cxx_table(table, code_at, 16, pages + 512, pages + 516);
  memcpy(good, table, bytes);
  CHECK_EQUAL(halo_sys_mprotect(pages + 4096, 4096, PROT_NONE), 0);
  for (size_t i = 0; i < bytes; i++)
    for (int value = 0; value < 256; value += 15) {
      memcpy(table, good, bytes);
      table[i] = (uint8_t)value;
      if (act(add_service, at, end))
        act(remove_service, at, end);
    }
  memcpy(table, good, bytes);
  CHECK(!is_found(code_at));
  CHECK(act(add_service, at, end));
  CHECK(is_found(code_at));
  CHECK(act(remove_service, at, end));
  CHECK(!is_found(code_at));
}

static void in_child(void (*test)(void)) {
  pid_t child = fork();
  if (child == 0) {
    alarm(CASE_LIMIT_S);
    test();
    exit(0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
}

int main(int argc, char **argv) {
  bool is_locked = argc > 1 && !strcmp(argv[1], "locked");
  find_services();
  if (!is_locked) {
    RUN(in_child(test_hidden));
    RUN(in_child(test_latecomer));
    RUN(in_child(test_nonsense));
  }
  RUN(test_busy_program(is_locked));
  return 0;
}
