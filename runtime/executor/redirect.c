/* executor/redirect.c: see redirect.h. */
#include "redirect.h"

#include "../arch/jump.h"
#include "../exec/answer.h"
#include "halo/protocol.h"
#include "tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The pages keep their protection; where the kernel refuses that, they are writable for a moment. */
static bool write_code(uint64_t at, const void *bytes, size_t count) {
  int memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
  bool is_done = memory >= 0 && pwrite(memory, bytes, count, (off_t)at) == (ssize_t)count;
  if (memory >= 0)
    close(memory);
  if (is_done)
    return true;
  uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), low = at & ~(page - 1);
  size_t span = (size_t)(((at + count + page - 1) & ~(page - 1)) - low);
  if (mprotect((void *)(uintptr_t)low, span, PROT_READ | PROT_WRITE) != 0)
    return false;
  memcpy((void *)(uintptr_t)at, bytes, count);
  return mprotect((void *)(uintptr_t)low, span, PROT_READ | PROT_EXEC) == 0;
}

static int redirect(struct halo_call *call) {
  uint64_t from = halo_read_u64(&call->in), to = halo_read_u64(&call->in);
  if (call->in.is_bad)
    return HALO_E_MALFORMED;
  struct halo_text why = {0};
  uint8_t jump[HALO_ARCH_JUMP_BYTES];
  halo_arch_jump(jump, to);
  if (halo_tasks_count() != 1)
    halo_text_add(&why, "threads are running");
  else if (!from || from % 16)
    halo_text_add(&why, "not the beginning of a function");
  else if (!write_code(from, jump, sizeof jump))
    halo_text_add(&why, strerror(errno));
  else
    __builtin___clear_cache((char *)(uintptr_t)from, (char *)(uintptr_t)from + sizeof jump);
  halo_answer_error(call->out, &why);
  return HALO_OK;
}

const struct halo_service *halo_redirect_services(size_t *count) {
  static const struct halo_service services[] = {{"halo_redirect", redirect, 0, NULL}};
  *count = 1;
  return services;
}
