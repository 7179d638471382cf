/* exec/debugger.c: gdb's JIT interface.
 *
 * In: the range of a debug object in memory (SPS: begin, end, u8 tell gdb now), as an allocation
 * action. Out: an SPSError. Debuggers find __jit_debug_descriptor and put a breakpoint into
 * __jit_debug_register_code by name; both are weak because a program with its own JIT has them too.
 * Interface: "JIT Compilation Interface" in the gdb manual.
 */
#include "answer.h"
#include "halo/exec.h"
#include "halo/protocol.h"
#include "pool.h"

#include <stdbool.h>

struct jit_code_entry {
  struct jit_code_entry *next_entry, *prev_entry;
  const char *symfile_addr;
  uint64_t symfile_size;
};

enum jit_action { JIT_NOACTION, JIT_REGISTER_FN, JIT_UNREGISTER_FN };

struct jit_descriptor {
  uint32_t version;
  uint32_t action_flag;
  struct jit_code_entry *relevant_entry, *first_entry;
};

#define SEEN_BY_DEBUGGERS __attribute__((weak, used, visibility("default")))

SEEN_BY_DEBUGGERS struct jit_descriptor __jit_debug_descriptor = {1, JIT_NOACTION, 0, 0};

SEEN_BY_DEBUGGERS __attribute__((noinline)) void __jit_debug_register_code(void) {
  __asm__ volatile("" ::: "memory"); /* the place to break at; not to be optimized away */
}

static struct halo_pool entry_pool = {.record_bytes = sizeof(struct jit_code_entry)};

static void tell(enum jit_action action, struct jit_code_entry *entry) {
  __jit_debug_descriptor.relevant_entry = entry;
  __jit_debug_descriptor.action_flag = action;
  __jit_debug_register_code();
  __jit_debug_descriptor.action_flag = JIT_NOACTION;
}

static int register_action(struct halo_call *call) {
  struct halo_text why = {0};
  uint64_t begin = halo_read_u64(&call->in), end = halo_read_u64(&call->in);
  bool is_told_now = halo_read_u8(&call->in) != 0;
  if (call->in.is_bad || end < begin)
    return HALO_E_MALFORMED;
  struct jit_code_entry *entry = halo_pool_take(&entry_pool);
  if (entry) {
    entry->symfile_addr = (const char *)(uintptr_t)begin;
    entry->symfile_size = end - begin;
    entry->next_entry = __jit_debug_descriptor.first_entry;
    if (entry->next_entry)
      entry->next_entry->prev_entry = entry;
    __jit_debug_descriptor.first_entry = entry;
    if (is_told_now)
      tell(JIT_REGISTER_FN, entry);
  } else {
    halo_text_add(&why, "no memory for a debugger entry");
  }
  halo_answer_error(call->out, &why);
  return HALO_OK;
}

void halo_debugger_forget(uint64_t low, uint64_t high) {
  struct jit_code_entry *entry = __jit_debug_descriptor.first_entry, *next;
  for (; entry; entry = next) {
    uint64_t address = (uint64_t)(uintptr_t)entry->symfile_addr;
    next = entry->next_entry;
    if (address < low || address >= high)
      continue;
    if (entry->prev_entry)
      entry->prev_entry->next_entry = next;
    else
      __jit_debug_descriptor.first_entry = next;
    if (next)
      next->prev_entry = entry->prev_entry;
    tell(JIT_UNREGISTER_FN, entry);
    halo_pool_give(&entry_pool, entry);
  }
}

const struct halo_service *halo_debugger_services(size_t *count) {
  static const struct halo_service services[] = {
      {"llvm_orc_registerJITLoaderGDBAllocAction", register_action, 0, NULL},
  };
  *count = sizeof services / sizeof services[0];
  return services;
}
