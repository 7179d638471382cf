/* arch/x86_64.h: what differs on x86-64: system calls, thread start, time-stamp counter.
 *
 * Included by sys/linux.h only. Everything is inline and free of libc state.
 */
#ifndef HALO_ARCH_X86_64_H
#define HALO_ARCH_X86_64_H

#include <stddef.h>
#include <stdint.h>

#define HALO_ARCH_NAME "x86_64"
#define HALO_ARCH_RSEQ_SIGNATURE 0x53053053u /* what libc registers rseq(2) with */
/* Kernel flag of struct halo_sys_sigaction: a restorer is given (x86-64 demands one). */
#define HALO_SA_RESTORER 0x04000000UL

static inline long halo_syscall(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

/* clone() into `run(argument)` on a stack that grows down from `stack_top` (16-byte aligned). The
 * new thread ends with exit(0) when `run` returns. Its outermost frame has no caller: the return
 * address is marked undefined, so unwinders and debuggers stop there. */
static inline long halo_arch_clone(unsigned long flags, void *stack_top, int *parent_tid, int *child_tid,
                                   void *tls, void (*run)(void *), void *argument) {
  register int *r10 __asm__("r10") = child_tid;
  register void *r8 __asm__("r8") = tls;
  register void (*r12)(void *) __asm__("r12") = run;
  register void *r13 __asm__("r13") = argument;
  long result;
  __asm__ volatile("syscall\n\t"
                   "test %%rax, %%rax\n\t"
                   "jnz 1f\n\t"
                   ".cfi_remember_state\n\t"
                   ".cfi_undefined %%rip\n\t"
                   "xor %%ebp, %%ebp\n\t"
                   "mov %%r13, %%rdi\n\t"
                   "call *%%r12\n\t"
                   "xor %%edi, %%edi\n\t"
                   "mov $60, %%eax\n\t" /* exit: this thread only */
                   "syscall\n\t"
                   "hlt\n\t"
                   ".cfi_restore_state\n"
                   "1:"
                   : "=a"(result)
                   : "a"(56L), "D"(flags), "S"(stack_top), "d"(parent_tid), "r"(r10), "r"(r8), "r"(r12),
                     "r"(r13)
                   : "rcx", "r11", "memory");
  return result;
}

/* Returns from a signal handler; the address to give as sa_restorer. */
__attribute__((naked, unused)) static void halo_arch_sigreturn(void) {
  __asm__ volatile("mov $15, %eax\n\tsyscall");
}

static inline uint64_t halo_ticks(void) {
  uint32_t low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
  return ((uint64_t)high << 32) | low;
}

static inline void halo_cpu_relax(void) { __asm__ volatile("pause" ::: "memory"); }

static inline void halo_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
  __asm__ volatile("cpuid"
                   : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                   : "a"(leaf), "c"(subleaf));
}

static inline uint64_t halo_thread_pointer(void) {
  uint64_t pointer;
  __asm__("mov %%fs:0, %0" : "=r"(pointer));
  return pointer;
}

/* Lays out what glibc reads through the thread pointer, in zeroed memory of at least 8 KiB: self
 * pointers at 0 and 16; at 8 a vector of thread-local blocks that has room for none and is of no
 * generation, so that dl_iterate_phdr sees that this thread has none; the calling thread's stack
 * guard and pointer guard at 40 and 48. */
static inline void halo_arch_tls_fill(void *pointer) {
  uint64_t *to = (uint64_t *)pointer;
  uint64_t *vector = to + 512; /* beyond glibc's struct pthread, of about 2,300 bytes */
  uint64_t guard, pointer_guard;
  __asm__("mov %%fs:40, %0" : "=r"(guard));
  __asm__("mov %%fs:48, %0" : "=r"(pointer_guard));
  to[0] = (uint64_t)pointer;
  to[1] = (uint64_t)(vector + 2); /* before it: entries allocated; at it: generation */
  to[2] = (uint64_t)pointer;
  to[5] = guard;
  to[6] = pointer_guard;
  vector[0] = 0;
  vector[2] = ~0ull;
}

/* Where libc keeps a thread's id, from the thread pointer: glibc's struct pthread has had it at 720
 * since 2.x for x86-64. Checked against the calling thread's own (`id`); 0 when it is not there. */
static inline size_t halo_arch_tls_id_offset(int id) {
  const size_t offset = 720;
  int found;
  __asm__("mov %%fs:720, %0" : "=r"(found));
  return found == id ? offset : 0;
}

#endif
