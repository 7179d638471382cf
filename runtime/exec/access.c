/* exec/access.c: __llvm_orc_bootstrap_mem_*: the controller reads and writes memory.
 *
 * In: lists of addresses (and values). Out: values; writes answer with nothing. Reads and writes go
 * through the kernel (process_vm_readv on ourselves), so a bad address is a failed call. A failed
 * write has no result to say so in: it ends the session rather than pass for done.
 *
 * By the thread's own id: a first thread that ended by pthread_exit has no memory to look up.
 */
#include "halo/exec.h"
#include "halo/protocol.h"
#include "halo/sys.h"

#include <string.h>

#define STRING_LIMIT_BYTES (1u << 20)

static bool is_refused(long status) { return status == -ENOSYS || status == -EPERM; }

int halo_memory_read(void *to, uint64_t from, size_t bytes) {
  struct iovec local = {to, bytes}, remote = {(void *)(uintptr_t)from, bytes};
  if (bytes == 0)
    return HALO_OK;
  long done = halo_sys_process_vm_readv(halo_sys_gettid(), &local, 1, &remote, 1);
  if (is_refused(done)) {
    memcpy(to, (const void *)(uintptr_t)from, bytes);
    return HALO_OK;
  }
  return done >= 0 && (size_t)done == bytes ? HALO_OK : HALO_E_REFUSED;
}

int halo_memory_write(uint64_t to, const void *from, size_t bytes) {
  struct iovec local = {(void *)from, bytes}, remote = {(void *)(uintptr_t)to, bytes};
  if (bytes == 0)
    return HALO_OK;
  long done = halo_sys_process_vm_writev(halo_sys_gettid(), &local, 1, &remote, 1);
  if (is_refused(done)) {
    memcpy((void *)(uintptr_t)to, from, bytes);
    return HALO_OK;
  }
  return done >= 0 && (size_t)done == bytes ? HALO_OK : HALO_E_REFUSED;
}

/* [(address, value of `bytes` bytes)] */
static int write_values(struct halo_call *call, size_t bytes) {
  uint64_t count = halo_read_count(&call->in, 8 + bytes);
  for (; count > 0; count--) {
    uint64_t address = halo_read_u64(&call->in);
    const uint8_t *value = call->in.at;
    call->in.at += bytes;
    if (halo_memory_write(address, value, bytes) < 0)
      call->must_hang_up = true;
  }
  if (call->in.is_bad)
    call->must_hang_up = true;
  return call->must_hang_up ? HALO_E_REFUSED : HALO_OK;
}

static int write_uint8s(struct halo_call *call) { return write_values(call, 1); }
static int write_uint16s(struct halo_call *call) { return write_values(call, 2); }
static int write_uint32s(struct halo_call *call) { return write_values(call, 4); }
static int write_uint64s(struct halo_call *call) { return write_values(call, 8); }

static int write_buffers(struct halo_call *call) {
  uint64_t count = halo_read_count(&call->in, 8 + 8);
  for (; count > 0; count--) {
    uint64_t address = halo_read_u64(&call->in);
    struct halo_view content = halo_read_bytes(&call->in);
    if (call->in.is_bad || halo_memory_write(address, content.data, content.bytes) < 0) {
      call->must_hang_up = true;
      break;
    }
  }
  if (call->in.is_bad)
    call->must_hang_up = true;
  return call->must_hang_up ? HALO_E_REFUSED : HALO_OK;
}

/* [address] -> [value of `bytes` bytes] */
static int read_values(struct halo_call *call, size_t bytes) {
  uint64_t count = halo_read_count(&call->in, 8);
  if (call->in.is_bad)
    return HALO_E_MALFORMED;
  halo_write_u64(call->out, count);
  for (; count > 0; count--) {
    uint8_t value[8];
    if (halo_memory_read(value, halo_read_u64(&call->in), bytes) < 0)
      return HALO_E_REFUSED;
    halo_write_raw(call->out, value, bytes);
  }
  return HALO_OK;
}

static int read_uint8s(struct halo_call *call) { return read_values(call, 1); }
static int read_uint16s(struct halo_call *call) { return read_values(call, 2); }
static int read_uint32s(struct halo_call *call) { return read_values(call, 4); }
static int read_uint64s(struct halo_call *call) { return read_values(call, 8); }

/* [(begin, end)] -> [bytes] */
static int read_buffers(struct halo_call *call) {
  uint64_t count = halo_read_count(&call->in, 8 + 8);
  if (call->in.is_bad)
    return HALO_E_MALFORMED;
  halo_write_u64(call->out, count);
  for (; count > 0; count--) {
    uint64_t begin = halo_read_u64(&call->in), end = halo_read_u64(&call->in);
    if (end < begin || end - begin > UINT32_MAX)
      return HALO_E_REFUSED;
    size_t bytes = (size_t)(end - begin);
    halo_write_u64(call->out, bytes);
    if (!halo_writer_reserve(call->out, bytes))
      return HALO_E_MEMORY;
    if (halo_memory_read(call->out->data + call->out->bytes, begin, bytes) < 0)
      return HALO_E_REFUSED;
    call->out->bytes += bytes;
  }
  return HALO_OK;
}

/* One terminated string; read in pieces that end at multiples of 256, so never past its page. */
static int read_string(struct halo_writer *out, uint64_t address) {
  size_t hole = halo_write_hole(out);
  uint64_t length = 0;
  while (length < STRING_LIMIT_BYTES) {
    char piece[256];
    size_t bytes = sizeof piece - (size_t)(address % sizeof piece);
    if (halo_memory_read(piece, address, bytes) < 0)
      return HALO_E_REFUSED;
    const char *end = memchr(piece, 0, bytes);
    size_t part = end ? (size_t)(end - piece) : bytes;
    halo_write_raw(out, piece, part);
    length += part;
    if (end) {
      halo_write_fill(out, hole, length);
      return HALO_OK;
    }
    address += bytes;
  }
  return HALO_E_REFUSED;
}

/* [address] -> [string] */
static int read_strings(struct halo_call *call) {
  uint64_t count = halo_read_count(&call->in, 8);
  if (call->in.is_bad)
    return HALO_E_MALFORMED;
  halo_write_u64(call->out, count);
  for (; count > 0; count--) {
    int status = read_string(call->out, halo_read_u64(&call->in));
    if (status < 0)
      return status;
  }
  return HALO_OK;
}

const struct halo_service *halo_access_services(size_t *count) {
  static const struct halo_service services[] = {
      {"__llvm_orc_bootstrap_mem_write_uint8s_wrapper", write_uint8s, 0, NULL},
      {"__llvm_orc_bootstrap_mem_write_uint16s_wrapper", write_uint16s, 0, NULL},
      {"__llvm_orc_bootstrap_mem_write_uint32s_wrapper", write_uint32s, 0, NULL},
      {"__llvm_orc_bootstrap_mem_write_uint64s_wrapper", write_uint64s, 0, NULL},
      {"__llvm_orc_bootstrap_mem_write_pointers_wrapper", write_uint64s, 0, NULL},
      {"__llvm_orc_bootstrap_mem_write_buffers_wrapper", write_buffers, 0, NULL},
      {"__llvm_orc_bootstrap_mem_read_uint8s_wrapper", read_uint8s, 0, NULL},
      {"__llvm_orc_bootstrap_mem_read_uint16s_wrapper", read_uint16s, 0, NULL},
      {"__llvm_orc_bootstrap_mem_read_uint32s_wrapper", read_uint32s, 0, NULL},
      {"__llvm_orc_bootstrap_mem_read_uint64s_wrapper", read_uint64s, 0, NULL},
      {"__llvm_orc_bootstrap_mem_read_pointers_wrapper", read_uint64s, 0, NULL},
      {"__llvm_orc_bootstrap_mem_read_buffers_wrapper", read_buffers, 0, NULL},
      {"__llvm_orc_bootstrap_mem_read_strings_wrapper", read_strings, 0, NULL},
  };
  *count = sizeof services / sizeof services[0];
  return services;
}
