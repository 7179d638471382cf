/* Lowers its limits to what it needs itself: descriptors, processes, file size, locked memory,
 * stack, processor time; or locks all its memory. */
#define _GNU_SOURCE
#include "work.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

EDGE_KEEP int lower(int what, rlim_t value) {
  struct rlimit limit;
  getrlimit((__rlimit_resource_t)what, &limit);
  limit.rlim_cur = value;
  if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max > value)
    limit.rlim_max = value;
  return setrlimit((__rlimit_resource_t)what, &limit);
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  const char *mode = edge_mode("files");
  int status = 0;
  if (strcmp(mode, "files") == 0)
    status = lower(RLIMIT_NOFILE, 4) | lower(RLIMIT_NPROC, 1) | lower(RLIMIT_FSIZE, 0) |
             lower(RLIMIT_SIGPENDING, 0) | lower(RLIMIT_MEMLOCK, 0) | lower(RLIMIT_CORE, 0);
  else if (strcmp(mode, "memory") == 0)
    status = lower(RLIMIT_AS, 64 << 20);
  else if (strcmp(mode, "stack") == 0)
    status = lower(RLIMIT_STACK, 256 << 10);
  else if (strcmp(mode, "mlockall") == 0)
    status = mlockall(MCL_CURRENT | MCL_FUTURE);
  else if (strcmp(mode, "oom") == 0) {
    status = lower(RLIMIT_AS, 48 << 20);
    while (malloc(1 << 20) != NULL)
      ;
  }
  printf("status %d\n", status);
  while (edge_again()) {
    edge_say("work %lx", work(300));
    int first = open("/dev/null", O_RDWR), second = open("/dev/null", O_RDWR);
    edge_say("descriptors %d %d", first, second);
    if (first >= 0)
      close(first);
    if (second >= 0)
      close(second);
    void *some = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (some != MAP_FAILED) {
      memset(some, 1, 1 << 20);
      munmap(some, 1 << 20);
    }
    if (strcmp(mode, "oom") != 0)
      edge_say("memory %d", some != MAP_FAILED);
  }
  return edge_end(0);
}
