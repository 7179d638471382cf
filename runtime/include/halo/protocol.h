/* protocol.h: Halo's own services, reached as wrapper functions over LLVM's SimpleRemoteEPC.
 *
 * Each is named in the Setup message's bootstrap symbols. Arguments and results are LLVM's Simple
 * Packed Serialization: little-endian integers, u64 counts before strings and sequences, tuples
 * without padding. Every result is an SPSExpected<T>: u8 1 and T, or u8 0 and an error string.
 *
 *   halo_describe()                        -> { u32 protocol, u32 pid, u64 main_ns, u64 now_ns,
 *                                               u64 now_ticks, string executable, string cpu,
 *                                               u64 memory_anchor }
 *        main_ns, now_ns: CLOCK_MONOTONIC; main_ns is when the monitor started, just before main.
 *        now_ticks: time-stamp counter read beside now_ns. cpu: the processor's brand string.
 *   halo_images()                          -> { u64 generation, sequence<Image> }
 *        Image { u64 id, string path, bytes build_id, u64 base, u64 text_low, u64 text_high,
 *                u64 arena, u64 bitcode_bytes, u64 symbols, u8 is_executable, bytes digests }
 *        arena: the `Instance` to pass to the memory services for code near this image.
 *        symbols: number of table entries. digests: 16 bytes a module, in section order.
 *        generation changes whenever an image comes or goes.
 *   halo_bitcode(u64 image, u64 offset, u64 bytes)  -> bytes   (at most 1 MiB a call)
 *   halo_symbols(u64 image)                -> bytes: struct halo_resolved per table entry
 *   halo_builtins(sequence<string>)        -> sequence<u64>: addresses of what the code generator
 *        may invent (memcpy, __udivti3, ...): a fixed table, then dlsym; 0 where there is none.
 *   halo_sample_start(u32 hertz)           -> string: the sampler in use, "perf", "timer" or "off"
 *   halo_sample_stop()                     -> u64: samples taken in all
 *   halo_sample_read()                     -> { u64 now_ns, u64 now_ticks, u64 cpu_ns,
 *                                               u64 generation, u64 lost, sequence<Stack> }
 *        Stack { u32 count, sequence<u64> frames }: leaf first; each frame is the start of the
 *        function that contains it where that is known (.eh_frame_hdr), else the address itself.
 *        cpu_ns: processor time of the process so far. Counts are since the previous read.
 *   halo_count_start(sequence<u64> entries)-> sequence<i32>: 0 or a negative halo_status each.
 *        Arms the entries with a thunk that counts calls and goes on to where the entry points.
 *   halo_count_read(sequence<u64> entries) -> sequence<u64>: calls since halo_count_start
 *   halo_count_stop(sequence<u64> entries) -> sequence<i32>: 0 or a negative halo_status each.
 *        The entries go straight to where they point, however often that changed meanwhile.
 *   halo_patch(sequence<{u64 entry, u64 target}>)   -> sequence<i32>: 0 or a negative halo_status;
 *        target 0 is the original. Arms the entry if it is not armed; ends counting there.
 *   halo_trial_start(u64 control, u64 entry, u64 incumbent, u64 slice_min_ns, u64 slice_max_ns,
 *                    u64 slices, u64 seed, u64 longest, u32 stride, u32 turn_bits) -> u64 trial
 *        incumbent: 0, the original's body, or other code of the same signature. About one call in
 *        `stride` is timed; 1: every call. The sides take turns in balanced adjacent pairs: turns of
 *        2^turn_bits timed calls of a thread, and a slice is told as two, one of each side; or with
 *        HALO_TRIAL_BY_SLICE a slice is a turn. Timed calls of more than `longest` ticks are told with
 *        those that were cut; 0: there is no limit. A control block that had a trial may have another
 *        one later, not two at once.
 *   halo_trial_read(u64 trial)             -> { u8 is_done, sequence<Slice> } since the last read
 *        Slice { u32 side, u32 calls, u64 ticks, u64 ns, u32 cut_calls, u64 cut_ticks }: side 0 is
 *        the incumbent; timed calls and their ticks of the time-stamp counter; ns: length of the
 *        slice; cut: those during which the thread lost its processor, and those over the limit; they
 *        are not among the others.
 *   halo_trial_stop(u64 trial)             -> u8 1
 *        The gate stays on its incumbent, untimed.
 *   halo_retire_all()                      -> u64: entries set back to their originals
 *   halo_announce(sequence<{u64 address, u64 bytes, string name}>) -> u64
 *        Names for code that was linked in; written to /tmp/perf-PID.map when HALO_PERF_MAP=1.
 *
 * All of it runs on the monitor's one thread. A service that the executor lacks (halo-executor has
 * none of these) is absent from the bootstrap symbols.
 */
#ifndef HALO_PROTOCOL_H
#define HALO_PROTOCOL_H

#include <stdint.h>

#define HALO_PROTOCOL_VERSION 4u
#define HALO_TRIAL_BY_SLICE 64u

struct halo_resolved { /* 24 bytes */
  uint64_t module;
  uint32_t kind_ordinal;
  uint32_t flags;   /* HALO_RESOLVED_* */
  uint64_t address; /* DEFINITION, PATCHABLE: in this process. GOT: what the slot holds.
                       TLS: offset from the thread pointer if STATIC_TLS, else the accessor */
};
#define HALO_RESOLVED_STATIC_TLS 1u /* address is an i64 offset from the thread pointer */
#define HALO_RESOLVED_ELSEWHERE 2u  /* not sent; the controller's note: bound outside of the image */

enum halo_status {
  HALO_OK = 0,
  HALO_E_MALFORMED = -1,     /* a message or section that breaks its format */
  HALO_E_MEMORY = -2,        /* no memory, or none within 2 GiB of the image */
  HALO_E_NOT_PATCHABLE = -3, /* the bytes at the entry are not what the plugin writes */
  HALO_E_GONE = -4,          /* the image was unloaded, or the peer closed */
  HALO_E_REFUSED = -5,       /* the kernel said no (seccomp, limits), or the request breaks a limit */
  HALO_E_UNKNOWN = -6,       /* no such image, trial or service */
};

#endif
