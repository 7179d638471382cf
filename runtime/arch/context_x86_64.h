/* arch/context_x86_64.h: the registers that a signal interrupted. */
#ifndef HALO_ARCH_CONTEXT_X86_64_H
#define HALO_ARCH_CONTEXT_X86_64_H

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

#endif
