/* gate.h: the control block that a gate (compiled by the controller in front of a root) shares
 * with the monitor's trial clock, and the thread-local record that keeps nested calls apart.
 *
 * The gate, for every call of the root (loads and stores are relaxed, but for the first load of
 * control->record, an acquire; `record` and `guard` are this thread's, at the thread pointer plus
 * control->record and control->guard):
 *
 *     word = control->word;
 *     if (!control->record) goto straight;                     // no trial runs
 *     left = record->left - control->base;
 *     if (left - 1 < control->reach) {                         // unsigned: one of many, untimed
 *         record->left--;
 *         word = record->word;                                 // its side is that of the last timed one
 *         goto straight;
 *     }
 *     own = address of the return address;
 *     if (own < record->stack && (word | 1) - record->word < HALO_GATE_AGE) {
 *         word = record->word;                                 // nested: its side, untimed
 *         goto straight;
 *     }
 *     turn = record->drawn++ >> control->turn_bits;
 *     word ^= (mixed(turn >> 1 ^ control->base) ^ turn) & control->base & 1; // where sides take turns in
 * here record->stack = own; record->word = word; before = *guard; *guard = control->mark; begin = rdtsc();
 *     result = control->target[word & 1](args);
 *     end = rdtscp(&cpu);
 *     was_cut = *guard == 0;
 *     *guard = before == control->mark && !was_cut ? before : 0; // a timed call of another root goes on
 *     record->stack = 0;
 *     record->left = control->base + pseudo-random(begin) % control->reach;
 *     if ((control->word >> 1) - (word >> 1) < HALO_GATE_TRIAL) { // else its trial is over
 *         line = &control->lines[cpu & control->mask];
 *         was_cut |= end - begin > control->longest;
 *         line->of[was_cut].ticks[word & 1] += end - begin;    // one instruction each
 *         line->of[was_cut].calls[word & 1] += 1;
 *     }
 *     return result;
 *   straight:
 *     return control->target[word & 1](args);                  // a jump: the stack is the caller's
 *
 * A root that calls itself is asked in another order: first whether the call is nested, then
 * whether it is timed, and untimed outermost calls hold the token too (record->stack and ->word,
 * cleared afterwards). The variant's calls of itself do not come through the gate, so the
 * original's must not be drawn either.
 *
 * A call belongs to the side on which it began, however many switches it spans: to leave those out
 * would leave out the longer calls. Which call comes first after a switch depends on how long the one
 * before took, and so on its side: of slices with few calls the sides get different ones. Long calls
 * therefore draw their side one by one. Of short ones some make a turn: what a program works on is alike
 * in two adjacent turns, and differs from one millisecond to the next. Turns are counted in calls that are
 * timed (of a root that calls itself: in outermost ones), not in time: in the same time the faster side
 * would have more of those calls that it is faster in.
 *
 * Both sides take the same path: the same loads, one indirect call, nothing else depends on the side.
 * Cost (2026-11-21, a virtual Xeon): 31 ns a timed call, of which the clock takes 26; 2 to 3
 * ns any other; 1.3 ns while no trial runs.
 *
 * A call during which the thread lost its processor took as long as somebody else pleased: on a machine
 * that is busy, a few of these among thousands of short calls are most of what scatters. They are
 * counted apart. The kernel tells by a restartable sequence (rseq(2)): `guard` is the word in
 * which a thread names the sequence that it is in. When the kernel takes the processor away or delivers a
 * signal, it sets the word to zero, unless the thread is inside that sequence: and nobody ever is
 * inside the one that `mark` names. (Linux 6.19 does so only for threads that were not in a system call.)
 * A program's own sequences overwrite the mark; then the call counts as whole. Where libc has registered
 * no such area, `guard` is record->spare, which nobody else writes, and no call counts as cut.
 *
 * Below a hypervisor the processor itself may be taken away, and nobody tells the kernel at the time: a
 * call that took far longer than others do is counted with those that were cut. Whether that is what
 * happened, or whether some calls are that long, the controller finds out (tune/trial.py).
 *
 * There is a line for every processor, so additions need no lock (two cost 15 ns): an
 * instruction is not interrupted. A thread that is moved between reading the processor's number and
 * adding may cost another thread one call's addition.
 *
 * The monitor alone writes the block: bit 0 of `word` is the side (0 incumbent,
 * 1 variant), the bits above grow with every slice, so that no two slices have the same word.
 *
 * A token that nobody took back (an exception, longjmp, a stack that was left for good) does no harm:
 * calls from the same depth or above replace it, and so do all after HALO_GATE_AGE. Nothing is ever
 * read through it. What is at stake is only which calls are timed: either side is right for any call.
 */
#ifndef HALO_GATE_H
#define HALO_GATE_H

#include <stdint.h>

#define HALO_GATE_AGE 16                    /* difference of words: eight slices */
#define HALO_GATE_TRIAL (UINT64_C(1) << 32) /* slices: more than a trial has, less than lie between two */

struct halo_gate_sum {
  uint64_t ticks[2];
  uint64_t calls[2];
};

struct halo_gate_line {       /* 64 bytes: one cache line */
  struct halo_gate_sum of[2]; /* whole calls; those that were cut */
};

struct halo_gate_record { /* one per thread and running trial; zero in a new thread */
  uint64_t stack;         /* the outermost call's stack pointer; 0: none */
  uint64_t word;          /* control->word when that call began, on the side that it drew */
  uint64_t left;          /* control->base + calls to come that are not timed */
  uint64_t spare;         /* the guard where there is no other */
  uint64_t drawn;         /* calls that held the token, modulo 2^64 */
};

/* 128 bytes, aligned to 64. As the object has it: zero, both targets the variant. */
struct halo_gate_control {
  uint64_t word;
  int64_t record;     /* offset from the thread pointer; 0: no trial runs */
  uint64_t base;      /* of record->left: that of another trial is out of reach; odd: turns in the gate */
  uint64_t reach;     /* 2 * stride - 1, below 2^32: one call in `stride` is timed */
  uint64_t target[2]; /* the incumbent; the variant */
  uint64_t lines;     /* address of mask + 1 lines, never unmapped */
  uint64_t mask;
  int64_t guard; /* offset from the thread pointer */
  uint64_t mark;
  uint64_t turn_bits; /* below 64 */
  uint64_t longest;   /* ticks: whatever takes more counts as cut */
  uint64_t reserved[4];
};

#endif
