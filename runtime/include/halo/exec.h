/* exec.h: the executor services of LLVM's ORC, as halo_service tables.
 *
 * arena.c     address space near an image: reserve and release.
 * memory.c    SimpleExecutorMemoryManager: reserve, initialize (write, protect: never writable and
 *             executable at once, run finalize actions), deinitialize, release.
 * access.c    __llvm_orc_bootstrap_mem_*: read and write memory; a bad address is an error, not a
 *             fault, where the kernel offers process_vm_readv.
 * unwind.c    llvm_orc_{register,deregister}EHFrameAllocAction without malloc
 *             (__register_frame_info with our own storage, or without it; see below).
 * debugger.c  llvm_orc_registerJITLoaderGDBAllocAction, __jit_debug_descriptor.
 * dylib.c     SimpleExecutorDylibManager (the stand-alone executor only).
 * run.c       run_as_{main,void_function,int_function} (the stand-alone executor only).
 *
 * One thread at a time (the session's turn). Except dylib.c and run.c nothing here uses malloc,
 * errno, stdio or libc locks, except unwind.c where halo_unwind_prepare was used.
 */
#ifndef HALO_EXEC_H
#define HALO_EXEC_H

#include "halo/session.h"

/* Code and data memory within +-2 GiB of [low, high); both 0: anywhere. Its address is the
 * `Instance` that the controller passes to the memory services. */
struct halo_arena {
  uint64_t low, high;
  uint64_t reserved_bytes;      /* in use now */
  uint64_t limit_bytes;         /* refuse beyond this; 0: 512 MiB */
  uint64_t home_low, home_high; /* kept for this arena alone, filled first; see halo_arena_settle */
  struct halo_block *blocks;
};

void halo_arena_init(struct halo_arena *arena, uint64_t low, uint64_t high);
/* Takes address space for good, in reach and for this arena alone, in a few tries without reading
 * the memory map. Blocks come from it while it has room. False: none was free. */
bool halo_arena_settle(struct halo_arena *arena, uint64_t bytes);
/* Reserves address space (PROT_NONE) for the arena; 0 when there is none in reach. */
uint64_t halo_arena_reserve(struct halo_arena *arena, uint64_t bytes);
/* Gives a block back, by its first address. Runs no dealloc actions. 0 or a negative halo_status. */
int halo_arena_release(struct halo_arena *arena, uint64_t address);

/* Each gives a table with static storage; *count is set. Copy the tables into one array for the
 * session, and set `value` of "__llvm_orc_SimpleExecutorMemoryManager_Instance" to the address of
 * the default arena. The memory services take the arena from their first argument (Instance); they
 * accept only addresses of arenas registered by halo_memory_allow_arena. */
const struct halo_service *halo_memory_services(size_t *count);
const struct halo_service *halo_access_services(size_t *count);
const struct halo_service *halo_unwind_services(size_t *count);
const struct halo_service *halo_dylib_services(size_t *count);
const struct halo_service *halo_run_services(size_t *count);
const struct halo_service *halo_debugger_services(size_t *count);
#define HALO_MEMORY_INSTANCE "__llvm_orc_SimpleExecutorMemoryManager_Instance"
int halo_memory_allow_arena(struct halo_arena *arena);
/* Also forgets the arena's blocks without releasing them: code may still run there. */
void halo_memory_forbid_arena(struct halo_arena *arena);

/* Copies between own memory and an address that may be bad. 0, or HALO_E_REFUSED with nothing
 * promised about partial copies. Where the kernel refuses process_vm_*v, a plain copy is made. */
int halo_memory_read(void *to, uint64_t from, size_t bytes);
int halo_memory_write(uint64_t to, const void *from, size_t bytes);

/* Finds the unwinder's registration functions: the program's own (weak reference) and libgcc_s's
 * (dlsym). With may_load, a program that has neither gets dlopen("libgcc_s.so.1"). Call it on a
 * thread that libc knows, before code is linked in: dlsym and dlopen take libc's locks and use its
 * thread-local storage. May be called again (a later dlopen may have brought libgcc_s). Static
 * executables have the weak reference only. Returns how many registries are known (0, 1 or 2).
 *
 * Then each section is registered by libgcc's own functions: they lock, and from libgcc 13 on
 * they allocate. */
int halo_unwind_prepare(bool may_load);
/* For a session on a thread that libc does not know, which must never take libgcc's lock. Both on
 * the program's own thread, before that session's starts. begin: the program's own registry (weak
 * reference) and the one that the caller found (null: none) are to be told of tables; a process
 * without any is no error, as nobody there can ask. Returns how many there are. cover: tables of
 * code in [low, high) are indexed from now on, see exec/index.h; 0, UINT64_MAX: of code anywhere.
 * Where no cover succeeds, sections are registered as above. */
size_t halo_unwind_begin(void *add, void *remove, void *find);
bool halo_unwind_cover(uint64_t low, uint64_t high);
/* On the session's thread: a registry that is in the process now. One that was not there at begin
 * cannot be told of tables: from then on code with a personality (C++) is refused. True: it is the
 * first such. */
bool halo_unwind_meet(void *add);
/* For processes whose session runs on a thread that libc knows: prepare(true) on first need. */
void halo_unwind_prepare_on_demand(void);

/* Takes debugger entries in [low, high) off gdb's list: their memory is about to go. */
void halo_debugger_forget(uint64_t low, uint64_t high);

#endif
