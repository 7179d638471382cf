/* exec.h: the executor services of LLVM's ORC, as halo_service tables.
 *
 * memory.c    SimpleExecutorMemoryManager and __llvm_orc_bootstrap_mem_*: reserve near an anchor,
 *             write, protect (never writable and executable at once), release; finalize actions.
 * unwind.c    llvm_orc_{register,deregister}EHFrameAllocAction without malloc
 *             (__register_frame_info with our own storage; libgcc_s loaded when absent).
 * dylib.c     SimpleExecutorDylibManager (the stand-alone executor only).
 * run.c       run_as_{main,void_function,int_function} (the stand-alone executor only).
 * debugger.c  llvm_orc_registerJITLoaderGDBAllocAction, __jit_debug_descriptor.
 */
#ifndef HALO_EXEC_H
#define HALO_EXEC_H

#include "halo/session.h"

/* Code and data memory within +-2 GiB of [low, high); both 0: anywhere. Its address is the
 * `Instance` that the controller passes to the memory services. */
struct halo_arena {
  uint64_t low, high;
  uint64_t reserved_bytes; /* in use now */
  uint64_t limit_bytes;    /* refuse beyond this; 0: 512 MiB */
  struct halo_block *blocks;
};

void halo_arena_init(struct halo_arena *arena, uint64_t low, uint64_t high);
/* Reserves address space (PROT_NONE) for the arena; 0 when there is none in reach. */
uint64_t halo_arena_reserve(struct halo_arena *arena, uint64_t bytes);
int halo_arena_release(struct halo_arena *arena, uint64_t address);

/* Each gives a table with static storage; *count is set. `context` entries must be filled by the
 * caller where noted in the .c file. The memory services take the arena from their first argument
 * (Instance); they accept only addresses of arenas registered by halo_memory_allow_arena. */
const struct halo_service *halo_memory_services(size_t *count);
const struct halo_service *halo_unwind_services(size_t *count);
const struct halo_service *halo_dylib_services(size_t *count);
const struct halo_service *halo_run_services(size_t *count);
const struct halo_service *halo_debugger_services(size_t *count);
int halo_memory_allow_arena(struct halo_arena *arena);
void halo_memory_forbid_arena(struct halo_arena *arena);

#endif
