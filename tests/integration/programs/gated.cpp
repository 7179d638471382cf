// Functions that leave and are entered in every way, called by 16 threads at once; what each returns
// is compared with what it returned before anything was patched.
//
//     gated THREADS      "ready"; then a line a command:
//         check          waits until every thread has done its round anew; prints "ok", or what differs
//         quit           prints nothing, returns 0 from main
//         leave N        exit(N) inside of a call of `last`
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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

/* From deeper and shallower stacks. */
static __attribute__((noinline)) uint64_t deeper(uint64_t depth, uint64_t x);
static uint64_t step(uint64_t x) {
  return plain(x) + fibonacci(x % 12) + visit(x % 20, again) + try_throwing(x) + try_jumping(x) +
         (x % 16 ? 0 : try_ending(x / 16)) + (x % 32 ? 0 : forking(x));
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
