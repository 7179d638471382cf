// Functions that leave and are entered in every way, called by 16 threads at once; what each returns
// is compared with what it returned before anything was patched.
//
//     gated THREADS      "ready"; then a line a command:
//         check          waits until every thread has done its round anew; prints "ok", or what differs
//         migrate        calls that return on another thread than they began on; prints "ok"
//         quit           prints nothing, returns 0 from main
//         leave N        exit(N) inside of a call of `last`
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#define ROOT extern "C" __attribute__((noinline))

static thread_local jmp_buf out;
static std::atomic<bool> is_over{false};
static std::atomic<uint64_t> wrong{0}, asked{0};

static uint64_t mix(uint64_t x) { return (x ^ x >> 29) * 0x9E3779B97F4A7C15u; }

ROOT uint64_t plain(uint64_t x) {
  for (int i = 0; i < 20; i++)
    x = mix(x + i);
  return x;
}

ROOT uint64_t fibonacci(uint64_t n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

typedef uint64_t visitor(uint64_t);
ROOT uint64_t visit(uint64_t depth, visitor *call) { return depth ? mix(visit(depth - 1, call)) + call(depth) : 1; }
static uint64_t again(uint64_t depth) { return depth % 3 ? plain(depth) : visit(depth / 3, again); }

ROOT uint64_t throwing(uint64_t x) {
  if (x % 7 == 0)
    throw x;
  return plain(x) + (x % 5 ? 0 : throwing(x + 1 + (x + 1) % 7));
}

ROOT uint64_t jumping(uint64_t x) {
  if (x % 5 == 0)
    longjmp(out, (int)(x % 1000 + 1));
  return plain(x) + fibonacci(x % 8);
}

ROOT uint64_t ending(uint64_t x) {
  if (x % 2)
    pthread_exit((void *)x);
  return plain(x);
}

ROOT uint64_t forking(uint64_t x) {
  if (x % 64 == 0) {
    pid_t child = fork();
    if (child == 0)
      _exit(fibonacci(11) == 89 && plain(x) == plain(x) ? 7 : 8);
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
      ;
    return (uint64_t)(WIFEXITED(status) ? WEXITSTATUS(status) : 999);
  }
  return plain(x);
}

struct Coroutine {
  ucontext_t inside, outside;
  uint64_t value;
  bool is_over;
};

ROOT uint64_t yielding(uint64_t x, Coroutine *c) {
  uint64_t before = plain(x);
  swapcontext(&c->inside, &c->outside);
  return before + visit(x % 9, again);
}

/* On a signal stack, inside of another call or not. */
ROOT uint64_t signaling(uint64_t x) {
  if (x % 3 == 0)
    raise(SIGUSR1);
  return plain(x);
}

ROOT uint64_t last(uint64_t status) {
  if (plain(status))
    exit((int)status);
  return status;
}

static uint64_t try_throwing(uint64_t x) {
  try {
    return throwing(x);
  } catch (uint64_t caught) {
    return caught + 3;
  }
}

static uint64_t try_jumping(uint64_t x) {
  int arrived = setjmp(out);
  return arrived ? (uint64_t)arrived : jumping(x);
}

static void *end_in(void *x) { return (void *)ending((uint64_t)x); }

static uint64_t try_ending(uint64_t x) {
  pthread_t thread;
  void *result = nullptr;
  if (pthread_create(&thread, nullptr, end_in, (void *)x))
    return ending(x & ~1ul);
  pthread_join(thread, &result);
  return x % 2 ? x : (uint64_t)result;
}

static thread_local uint64_t handled;
static void on_signal(int) { handled = plain(5) + fibonacci(7) + visit(4, again); }

static uint64_t try_signaling(uint64_t x) {
  static constexpr size_t bytes = 64 << 10;
  stack_t stack = {}, none = {};
  stack.ss_sp = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack.ss_size = bytes;
  sigaltstack(&stack, &none);
  handled = 0;
  uint64_t value = signaling(x);
  value += handled;
  sigaltstack(&none, nullptr);
  munmap(stack.ss_sp, bytes);
  return value;
}

static void enter(unsigned high, unsigned low) {
  auto *c = (Coroutine *)((uintptr_t)high << 32 | low);
  c->value = yielding(c->value, c);
  c->is_over = true;
  swapcontext(&c->inside, &c->outside);
}

static void *make_stack(size_t bytes) {
  return mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void begin(Coroutine *c, void *stack, size_t bytes) {
  getcontext(&c->inside);
  c->is_over = false;
  c->inside.uc_stack.ss_sp = stack;
  c->inside.uc_stack.ss_size = bytes;
  auto address = (uintptr_t)c;
  makecontext(&c->inside, (void (*)())enter, 2, (unsigned)(address >> 32), (unsigned)address);
}

/* Two that take turns, each in the middle of a call when the other runs. */
static uint64_t try_yielding(uint64_t x) {
  static constexpr size_t bytes = 64 << 10;
  Coroutine two[2];
  char *stacks = (char *)make_stack(2 * bytes);
  for (int i = 0; i < 2; i++) {
    two[i].value = x + (uint64_t)i;
    begin(&two[i], stacks + (size_t)i * bytes, bytes);
  }
  for (int turn = 0; turn < 2; turn++)
    for (Coroutine &c : two)
      swapcontext(&c.outside, &c.inside);
  munmap(stacks, 2 * bytes);
  return two[0].value + 3 * two[1].value + two[0].is_over + two[1].is_over;
}

static void *resume(void *c) {
  swapcontext(&((Coroutine *)c)->outside, &((Coroutine *)c)->inside);
  return nullptr;
}

static std::atomic<bool> is_second;
static void *resume_second(void *c) {
  while (!is_second)
    usleep(100);
  return resume(c);
}

/* The first thread's stack, and its thread-locals with it, are unmapped when it has ended; the
 * second one has been there before, at other addresses. */
static void resume_twice(Coroutine *c) {
  pthread_attr_t attributes;
  pthread_t first, second;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 96ul << 20); /* too large for libc to keep */
  is_second = false;
  if (pthread_create(&second, &attributes, resume_second, c) || pthread_create(&first, &attributes, resume, c))
    abort();
  pthread_join(first, nullptr);
  is_second = true;
  pthread_join(second, nullptr);
}

static bool migrate() {
  static constexpr size_t bytes = 64 << 10;
  void *stack = make_stack(bytes);
  bool is_right = true;
  for (uint64_t x = 0; x < 200; x++) {
    Coroutine c;
    c.value = x;
    begin(&c, stack, bytes);
    resume_twice(&c);
    is_right = is_right && c.is_over && c.value == plain(x) + visit(x % 9, again);
  }
  munmap(stack, bytes);
  return is_right;
}

/* From deeper and shallower stacks. */
static __attribute__((noinline)) uint64_t deeper(uint64_t depth, uint64_t x);
static uint64_t step(uint64_t x) {
  return plain(x) + fibonacci(x % 12) + visit(x % 20, again) + try_throwing(x) + try_jumping(x) +
         try_signaling(x) + (x % 8 ? 0 : try_yielding(x)) + (x % 16 ? 0 : try_ending(x / 16)) + (x % 32 ? 0 : forking(x));
}
static uint64_t deeper(uint64_t depth, uint64_t x) {
  volatile char room[512];
  room[0] = (char)x;
  uint64_t value = depth ? deeper(depth - 1, x) : step(x);
  return value + (uint64_t)(room[0] - (char)x);
}

static constexpr int STEPS = 256;
static uint64_t expected[STEPS];
static std::atomic<uint64_t> rounds[64];

static void work(int number) {
  while (!is_over) {
    for (int i = 0; i < STEPS && !is_over; i++) {
      int x = (i * 31 + number) % STEPS;
      if (deeper((uint64_t)(i * 7 % 24), (uint64_t)x) != expected[x]) {
        wrong++;
        fprintf(stderr, "gated: step %d differs\n", x);
      }
    }
    rounds[number] = asked.load();
  }
}

int main(int argc, char **argv) {
  int count = argc > 1 ? atoi(argv[1]) : 16;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR1, &action, nullptr);
  for (int x = 0; x < STEPS; x++)
    expected[x] = step((uint64_t)x);
  std::vector<std::thread> threads;
  for (int i = 0; i < count; i++)
    threads.emplace_back(work, i);
  puts("ready");
  fflush(stdout);
  char line[64];
  while (fgets(line, sizeof line, stdin) && strcmp(line, "quit\n") != 0) {
    if (!strncmp(line, "leave ", 6))
      last((uint64_t)atoi(line + 6));
    if (!strcmp(line, "migrate\n")) {
      puts(migrate() ? "ok" : "calls that changed threads differ");
      fflush(stdout);
      continue;
    }
    uint64_t number = ++asked;
    for (int i = 0; i < count; i++)
      while (rounds[i] < number)
        usleep(1000);
    printf(wrong ? "%lu steps differ\n" : "ok\n", wrong.load());
    fflush(stdout);
  }
  is_over = true;
  for (std::thread &thread : threads)
    thread.join();
  return 0;
}
