// What libc and the kernel say about a process with one thread stays true with the monitor in it.
#include "work.h"
#include <dirent.h>
#include <errno.h>
#include <memory>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

EDGE_KEEP int errno_kept() {
  errno = 77;
  work(10);
  return errno;
}
EDGE_KEEP long shared_count() {
  auto first = std::make_shared<int>(3);
  auto second = first;
  return first.use_count() + *second;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  while (edge_again()) {
    edge_say("work %lx", work(200));
    edge_say("errno %d", errno_kept());
    edge_say("single %d", static_cast<int>(__libc_single_threaded));
    edge_say("own identity %d", getpid() == static_cast<int>(syscall(SYS_gettid)));
    edge_say("shared %ld", shared_count());
    int status;
    edge_say("no children %d", waitpid(-1, &status, __WALL) == -1 && errno == ECHILD);
  }
  return edge_end(0);
}
