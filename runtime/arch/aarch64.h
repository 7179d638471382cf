/* arch/aarch64.h: what differs on 64-bit Arm: system calls, thread start, virtual counter.
 *
 * Included by sys/linux.h only. Everything is inline and free of libc state.
 */
#ifndef HALO_ARCH_AARCH64_H
#define HALO_ARCH_AARCH64_H

#include <stddef.h>
#include <stdint.h>

#define HALO_ARCH_NAME "aarch64"
#define HALO_ARCH_RSEQ_SIGNATURE 0xd428bc00u /* what libc registers rseq(2) with */
#define HALO_SA_RESTORER 0UL

static inline long halo_syscall(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}

/* See arch/x86_64.h. The kernel's argument order differs: tls before child_tid. */
static inline long halo_arch_clone(unsigned long flags, void *stack_top, int *parent_tid, int *child_tid,
                                   void *tls, void (*run)(void *), void *argument) {
  register long x8 __asm__("x8") = 220;
  register unsigned long x0 __asm__("x0") = flags;
  register void *x1 __asm__("x1") = stack_top;
  register int *x2 __asm__("x2") = parent_tid;
  register void *x3 __asm__("x3") = tls;
  register int *x4 __asm__("x4") = child_tid;
  register void (*x19)(void *) __asm__("x19") = run;
  register void *x20 __asm__("x20") = argument;
  __asm__ volatile("svc 0\n\t"
                   "cbnz x0, 1f\n\t"
                   ".cfi_remember_state\n\t"
                   ".cfi_undefined x30\n\t"
                   "mov x29, xzr\n\t"
                   "mov x30, xzr\n\t"
                   "mov x0, x20\n\t"
                   "blr x19\n\t"
                   "mov x0, xzr\n\t"
                   "mov x8, 93\n\t"
                   "svc 0\n\t"
                   "brk 1\n\t"
                   ".cfi_restore_state\n"
                   "1:"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x19), "r"(x20)
                   : "memory");
  return (long)x0;
}

static inline void halo_arch_sigreturn(void) {} /* the kernel's vdso supplies it */

static inline uint64_t halo_ticks(void) {
  uint64_t ticks;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
}

static inline void halo_cpu_relax(void) { __asm__ volatile("yield" ::: "memory"); }

static inline void halo_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
  (void)leaf;
  (void)subleaf;
  out[0] = out[1] = out[2] = out[3] = 0;
}

static inline uint64_t halo_thread_pointer(void) {
  uint64_t pointer;
  __asm__("mrs %0, tpidr_el0" : "=r"(pointer));
  return pointer;
}

static inline void halo_arch_tls_fill(void *pointer) { (void)pointer; }

static inline size_t halo_arch_tls_id_offset(int id) {
  (void)id;
  return 0; /* below the thread pointer, at a distance that varies between versions */
}

#endif
