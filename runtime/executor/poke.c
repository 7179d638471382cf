/* executor/poke.c: see poke.h. */
#include "poke.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool halo_poke(uint64_t at, const void *bytes, size_t count, int protection) {
  int memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
  bool is_done = memory >= 0 && pwrite(memory, bytes, count, (off_t)at) == (ssize_t)count;
  if (memory >= 0)
    close(memory);
  if (!is_done) {
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), low = at & ~(page - 1);
    size_t span = (size_t)(((at + count + page - 1) & ~(page - 1)) - low);
    if (mprotect((void *)(uintptr_t)low, span, PROT_READ | PROT_WRITE) != 0)
      return false;
    memcpy((void *)(uintptr_t)at, bytes, count);
    if (mprotect((void *)(uintptr_t)low, span, protection) != 0)
      return false;
  }
  __builtin___clear_cache((char *)(uintptr_t)at, (char *)(uintptr_t)at + count);
  return true;
}
