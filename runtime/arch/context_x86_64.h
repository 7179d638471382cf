/* arch/context_x86_64.h: the registers that a signal interrupted. */
#ifndef HALO_ARCH_CONTEXT_X86_64_H
#define HALO_ARCH_CONTEXT_X86_64_H

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

struct halo_registers {
  uint64_t code, stack, frame;
};

static inline struct halo_registers halo_context_registers(const void *context) {
  const greg_t *general = ((const ucontext_t *)context)->uc_mcontext.gregs;
  return (struct halo_registers){(uint64_t)general[REG_RIP], (uint64_t)general[REG_RSP],
                                 (uint64_t)general[REG_RBP]};
}

/* Whether the bytes before a return address are a call: E8 and a distance, or FF /2 in one of its lengths. */
#define HALO_CONTEXT_CALL_BYTES 7
static inline bool halo_context_is_call(const uint8_t *bytes) {
  static const uint8_t lengths[] = {2, 3, 4, 6, 7};
  const uint8_t *end = bytes + HALO_CONTEXT_CALL_BYTES;
  for (unsigned i = 0; i < sizeof lengths; i++)
    if (end[-lengths[i]] == 0xff && (end[1 - lengths[i]] >> 3 & 7) == 2)
      return true;
  return end[-5] == 0xe8;
}

/* Undoes a call that has just been made, by the top of the stack: then its last byte is what runs. */
static inline void halo_context_undo_call(void *context, uint64_t top) {
  greg_t *general = ((ucontext_t *)context)->uc_mcontext.gregs;
  general[REG_RIP] = (greg_t)(top - 1);
  general[REG_RSP] += sizeof top;
}

#endif
