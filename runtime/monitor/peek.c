/* peek.c: process_vm_readv on ourselves: a page that is gone is a short count, not a signal.
 *
 * The thread's own id is used, not the process's: the first thread may have ended by pthread_exit
 * and then has no memory that the kernel would look up. Access to the own memory needs no
 * permission.
 */
#include "peek.h"

#include "halo/sys.h"

#include <string.h>

size_t halo_peek_some(uint64_t address, void *to, size_t bytes) {
  struct iovec local = {to, bytes};
  struct iovec remote[16];
  size_t done = 0;
  /* One remote element a page: a transfer is cut at an element's end, never within one. */
  while (done < bytes) {
    size_t count = 0, asked = 0;
    while (count < 16 && done + asked < bytes) {
      uint64_t at = address + done + asked;
      size_t piece = 4096 - (at & 4095);
      if (piece > bytes - done - asked)
        piece = bytes - done - asked;
      remote[count++] = (struct iovec){(void *)(uintptr_t)at, piece};
      asked += piece;
    }
    local = (struct iovec){(char *)to + done, asked};
    long got = halo_sys_process_vm_readv(halo_sys_gettid(), &local, 1, remote, count);
    if (got <= 0)
      break;
    done += (size_t)got;
    if ((size_t)got < asked)
      break;
  }
  return done;
}

bool halo_peek(uint64_t address, void *to, size_t bytes) {
  struct iovec local = {to, bytes};
  struct iovec remote = {(void *)(uintptr_t)address, bytes};
  return address + bytes >= address &&
         halo_sys_process_vm_readv(halo_sys_gettid(), &local, 1, &remote, 1) == (long)bytes;
}

void halo_peek_string(uint64_t address, char *to, size_t bytes) {
  size_t have = address ? halo_peek_some(address, to, bytes - 1) : 0;
  to[have] = 0;
}
