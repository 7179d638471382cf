/* exec/dylib.c: LLVM's SimpleExecutorDylibManager: symbols of this process and its libraries.
 *
 * Stand-alone executor only: it uses libc freely. Wire (SPS):
 *   open(Instance, string path, u64 mode) -> Expected<handle>; an empty path is the process itself
 *   resolve(handle, [(string name, u8 is_required)]) -> Expected<[Optional<{u64 address, u8 0x10,
 *   u8 0}>]>: JITSymbolFlags "exported", no target flags.
 *
 * C++ code from a controller needs libstdc++ and its unwinder; an executor that nobody talks to
 * does not. So both are loaded when the first library is opened.
 */
#include "answer.h"
#include "halo/exec.h"
#include "halo/protocol.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define SYMBOL_EXPORTED 0x10
#define LOOKUP_LEAST_BYTES (8 + 1)

static void load_cplusplus(void) {
  static bool is_done;
  if (is_done)
    return;
  is_done = true;
  dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_GLOBAL); /* absent: C programs still run */
  halo_unwind_prepare(true);
}

static char *copy_string(struct halo_view view) {
  char *string = malloc(view.bytes + 1);
  if (string) {
    if (view.bytes)
      memcpy(string, view.data, view.bytes);
    string[view.bytes] = 0;
  }
  return string;
}

static int open_library(struct halo_call *call) {
  struct halo_text why = {0};
  halo_read_u64(&call->in); /* Instance: there is only one */
  struct halo_view path = halo_read_bytes(&call->in);
  uint64_t mode = halo_read_u64(&call->in);
  if (call->in.is_bad)
    return HALO_E_MALFORMED;
  char *name = copy_string(path);
  void *handle = NULL;
  if (!name) {
    halo_text_add(&why, "no memory");
  } else if (mode != 0) {
    halo_text_add(&why, "mode bits other than 0 are not supported");
  } else {
    /* Constructors of the library are foreign code and may call back. */
    halo_session_yield_turn(call->session);
    load_cplusplus();
    handle = dlopen(path.bytes ? name : NULL, RTLD_LAZY | RTLD_GLOBAL);
    halo_session_take_turn(call->session);
    if (!handle)
      halo_text_add(&why, dlerror());
  }
  free(name);
  if (handle) {
    halo_answer_value(call->out);
    halo_write_u64(call->out, (uint64_t)(uintptr_t)handle);
  } else {
    halo_answer_failure(call->out, &why);
  }
  return HALO_OK;
}

static int resolve(struct halo_call *call) {
  void *handle = (void *)(uintptr_t)halo_read_u64(&call->in);
  uint64_t count = halo_read_count(&call->in, LOOKUP_LEAST_BYTES);
  halo_answer_value(call->out);
  halo_write_u64(call->out, count);
  for (; count > 0; count--) {
    struct halo_view view = halo_read_bytes(&call->in);
    halo_read_u8(&call->in); /* a required symbol that is missing is the controller's to report */
    char *name = copy_string(view);
    if (!name)
      return HALO_E_MEMORY;
    void *address = view.bytes && !call->in.is_bad ? dlsym(handle, name) : NULL;
    free(name);
    halo_write_u8(call->out, address != NULL);
    if (address) {
      halo_write_u64(call->out, (uint64_t)(uintptr_t)address);
      halo_write_u8(call->out, SYMBOL_EXPORTED);
      halo_write_u8(call->out, 0);
    }
  }
  return call->in.is_bad ? HALO_E_MALFORMED : HALO_OK;
}

const struct halo_service *halo_dylib_services(size_t *count) {
  static const struct halo_service services[] = {
      {"__llvm_orc_SimpleExecutorDylibManager_Instance", NULL, 1, NULL},
      {"__llvm_orc_SimpleExecutorDylibManager_open_wrapper", open_library, 0, NULL},
      {"__llvm_orc_SimpleExecutorDylibManager_resolve_wrapper", resolve, 0, NULL},
  };
  *count = sizeof services / sizeof services[0];
  return services;
}
