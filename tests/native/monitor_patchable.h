/* monitor_patchable.h: functions as the plugin leaves them, written by hand, with their table and
 * a bitcode frame that nobody decodes. One file a program includes it.
 */
#ifndef HALO_TESTS_MONITOR_PATCHABLE_H
#define HALO_TESTS_MONITOR_PATCHABLE_H

#include <stdint.h>

/* FRONT: the prologue data; the body adds ADDEND to its argument. */
#define PATCHABLE(name, front, addend)                                                                       \
  __asm__(".text\n.balign 16\n.fill 16, 1, 0xCC\n"                                                           \
          ".globl " #name "\n.type " #name ", @function\n" #name ":\nown_" #name ":\n.cfi_startproc\n" front \
          "\n"                                                                                               \
          "lea " #addend "(%rdi), %rax\nret\n.cfi_endproc\n.size " #name ", . - " #name "\n");               \
  extern uint64_t name(uint64_t)

#define PLAIN ".byte 0x85, 0xEE"
#define CET ".byte 0xF3, 0x0F, 0x1E, 0xFA, 0x85, 0xEA"

#define MODULE_ID 0x1122334455667788

/* An entry of `halo_symbols`. */
#define SYMBOL(kind, ordinal, where)                                                                         \
  __asm__(".pushsection halo_symbols, \"a\", @progbits\n.balign 8\n.quad 0x1122334455667788\n"               \
          ".long (" #kind " << 28) | " #ordinal "\n.long " where " - .\n.popsection\n")

/* A frame with 4 bytes of options and 20 of bitcode; its digest begins with MODULE_ID. */
#define BITCODE                                                                                              \
  __asm__(".pushsection halo_bitcode, \"aR\", @progbits\n.balign 8\n.ascii \"HALOBC\\r\\n\"\n"               \
          ".long 1, 0, 22, 1\n.quad 20, 20\n.long 4, 0\n"                                                    \
          ".quad 0x1122334455667788, 0x99aabbccddeeff00\n.ascii \"a=b\\n\"\n.fill 20, 1, 7\n"                \
          ".balign 8\n.popsection\n")

#endif
