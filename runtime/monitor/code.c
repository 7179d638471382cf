/* code.c: /proc/self/mem, membarrier, and what to do without them. */
#include "code.h"

#include "halo/protocol.h"
#include "halo/sys.h"
#include "log.h"
#include "peek.h"

#include <string.h>

/* linux/membarrier.h, which old headers lack */
#define SYNC_CORE (1 << 5)
#define REGISTER_SYNC_CORE (1 << 6)
#define PAGE 4096ul

static int mem_fd = -1;
static bool has_membarrier;

void halo_code_begin(void) {
  long fd = halo_sys_open("/proc/thread-self/mem", O_RDWR | O_CLOEXEC, 0);
  mem_fd = halo_sys_failed(fd) ? -1 : (int)fd;
  has_membarrier = halo_sys_membarrier(REGISTER_SYNC_CORE, 0) == 0;
}

static bool is_written(uint64_t address, const void *bytes, size_t count) {
  uint8_t there[64];
  return count <= sizeof there && halo_peek(address, there, count) && !memcmp(there, bytes, count);
}

/* Executable pages are private copies of a file or of our own; both may be made writable for a
 * moment unless a security module forbids it. They stay executable: threads are inside. */
static bool write_through_window(uint64_t address, const void *bytes, size_t count) {
  uint64_t low = address & ~(PAGE - 1), high = (address + count + PAGE - 1) & ~(PAGE - 1);
  void *page = (void *)(uintptr_t)low;
  if (halo_sys_mprotect(page, high - low, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
    return false;
  if (count == 1)
    __atomic_store_n((uint8_t *)(uintptr_t)address, *(const uint8_t *)bytes, __ATOMIC_SEQ_CST);
  else
    memcpy((void *)(uintptr_t)address, bytes, count);
  halo_sys_mprotect(page, high - low, PROT_READ | PROT_EXEC);
  return true;
}

int halo_code_write(uint64_t address, const void *bytes, size_t count) {
  if (mem_fd >= 0 && halo_sys_pwrite(mem_fd, bytes, count, (off_t)address) == (long)count &&
      is_written(address, bytes, count))
    return HALO_OK;
  if (write_through_window(address, bytes, count) && is_written(address, bytes, count))
    return HALO_OK;
  halo_log(HALO_LOG_WARNING, "the kernel refuses to change code at %x", address);
  return HALO_E_REFUSED;
}

void halo_code_sync(void) {
  if (has_membarrier && halo_sys_membarrier(SYNC_CORE, 0) == 0)
    return;
  /* Taking away a right to a touched page interrupts every processor that runs this process, and
   * the return from an interrupt serializes. */
  uint8_t *page = halo_sys_pages(PAGE);
  if (!page)
    return;
  *(volatile uint8_t *)page = 1;
  halo_sys_mprotect(page, PAGE, PROT_READ);
  halo_sys_munmap(page, PAGE);
}
