/* arch/jump.h: a jump to anywhere, in the 16 bytes that the smallest function has to itself. */
#ifndef HALO_ARCH_JUMP_H
#define HALO_ARCH_JUMP_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#define HALO_ARCH_JUMP_BYTES 14
static inline void halo_arch_jump(uint8_t *bytes, uint64_t to) {
  static const uint8_t code[] = {0xff, 0x25, 0, 0, 0, 0}; /* jmp *0(%rip) */
  memcpy(bytes, code, sizeof code);
  memcpy(bytes + sizeof code, &to, sizeof to);
}
#elif defined(__aarch64__)
#define HALO_ARCH_JUMP_BYTES 16
static inline void halo_arch_jump(uint8_t *bytes, uint64_t to) {
  static const uint32_t code[] = {0x58000050, 0xd61f0200}; /* ldr x16, #8; br x16 */
  memcpy(bytes, code, sizeof code);
  memcpy(bytes + sizeof code, &to, sizeof to);
}
#endif

#endif
