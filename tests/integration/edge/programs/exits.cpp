// All ways to end: from main, from a thread, by _exit, abort, quick_exit, a signal; static
// destructors and exit handlers call functions that are patched by then.
#include "work.h"
#include <csignal>
#include <pthread.h>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

static std::string mode;

EDGE_KEEP void last_words(const char *who) {
  std::printf("%s: %lx\n", who, work(40));
  std::fflush(stdout);
}
struct Last {
  std::string name;
  explicit Last(const char *name) : name(name) { work(2); }
  ~Last() { last_words(name.c_str()); }
};
static Last global("static destructor");

static void at_exit() { last_words("atexit"); }
static void at_quick_exit_() { last_words("at_quick_exit"); }
__attribute__((destructor)) static void at_fini() { last_words("fini"); }

EDGE_KEEP void leave() {
  static Last local("function static");
  if (mode == "exit")
    std::exit(21);
  if (mode == "_exit")
    _exit(22);
  if (mode == "_Exit")
    std::_Exit(23);
  if (mode == "quick_exit")
    std::quick_exit(24);
  if (mode == "abort")
    std::abort();
  if (mode == "sigterm")
    raise(SIGTERM);
  if (mode == "sigsegv")
    *reinterpret_cast<volatile int *>(8) = 1;
  if (mode == "trap")
    __builtin_trap();
}
EDGE_KEEP static void *leave_from_thread(void *) {
  thread_local Last mine("thread's");
  work(static_cast<int>(mine.name.size()));
  if (mode == "thread_exit")
    std::exit(31);
  if (mode == "thread_last")
    return nullptr; // main has gone by pthread_exit: this is the last thread
  leave();
  return nullptr;
}

int main(int argc, char **argv) {
  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  edge_begin(argc, argv);
  mode = edge_mode("return");
  std::atexit(at_exit);
  std::at_quick_exit(at_quick_exit_);
  while (edge_again())
    edge_say("%lx", work(300));
  int status = edge_end(20);
  if (mode == "thread_exit" || mode == "thread_last" || mode == "thread_abort") {
    if (mode == "thread_abort")
      mode = "abort";
    pthread_t thread;
    pthread_create(&thread, nullptr, leave_from_thread, nullptr);
    if (mode == "thread_last") {
      pthread_detach(thread);
      pthread_exit(nullptr);
    }
    pthread_join(thread, nullptr);
  }
  leave();
  return status;
}
