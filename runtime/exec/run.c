/* exec/run.c: calls of linked code by signature: main, void and int functions.
 *
 * Stand-alone executor only. The code called may come back through the session (nested message
 * loop) and may start threads that do: the session's turn is yielded around it.
 *
 * Wire (SPS): run_as_main(address, [string]) -> i64; run_as_void_function(address) -> i32;
 * run_as_int_function(address, i32) -> i32
 */
#include "halo/exec.h"
#include "halo/protocol.h"

#include <stdlib.h>
#include <string.h>

/* argv in one allocation: pointers, null, then the strings. Null when there is no memory. */
static char **copy_arguments(struct halo_reader in, uint64_t count, size_t total_bytes) {
  size_t pointer_bytes = (size_t)(count + 1) * sizeof(char *);
  char **argv = malloc(pointer_bytes + total_bytes + (size_t)count);
  if (!argv)
    return NULL;
  char *to = (char *)argv + pointer_bytes;
  for (uint64_t i = 0; i < count; i++) {
    struct halo_view argument = halo_read_bytes(&in);
    if (argument.bytes)
      memcpy(to, argument.data, argument.bytes);
    to[argument.bytes] = 0;
    argv[i] = to;
    to += argument.bytes + 1;
  }
  argv[count] = NULL;
  return argv;
}

static int run_as_main(struct halo_call *call) {
  uint64_t address = halo_read_u64(&call->in);
  uint64_t count = halo_read_count(&call->in, 8);
  struct halo_reader arguments = call->in;
  size_t total_bytes = 0;
  for (uint64_t i = 0; i < count; i++)
    total_bytes += halo_read_bytes(&call->in).bytes;
  if (call->in.is_bad || !address)
    return HALO_E_MALFORMED;
  char **argv = copy_arguments(arguments, count, total_bytes);
  if (!argv)
    return HALO_E_MEMORY;
  int (*run)(int, char **) = (int (*)(int, char **))(uintptr_t)address;
  halo_session_yield_turn(call->session);
  int status = run((int)count, argv);
  halo_session_take_turn(call->session);
  free(argv);
  halo_write_u64(call->out, (uint64_t)(int64_t)status);
  return HALO_OK;
}

static int run_as_void_function(struct halo_call *call) {
  uint64_t address = halo_read_u64(&call->in);
  if (call->in.is_bad || !address)
    return HALO_E_MALFORMED;
  int (*run)(void) = (int (*)(void))(uintptr_t)address;
  halo_session_yield_turn(call->session);
  int status = run();
  halo_session_take_turn(call->session);
  halo_write_u32(call->out, (uint32_t)status);
  return HALO_OK;
}

static int run_as_int_function(struct halo_call *call) {
  uint64_t address = halo_read_u64(&call->in);
  int argument = (int)halo_read_u32(&call->in);
  if (call->in.is_bad || !address)
    return HALO_E_MALFORMED;
  int (*run)(int) = (int (*)(int))(uintptr_t)address;
  halo_session_yield_turn(call->session);
  int status = run(argument);
  halo_session_take_turn(call->session);
  halo_write_u32(call->out, (uint32_t)status);
  return HALO_OK;
}

const struct halo_service *halo_run_services(size_t *count) {
  static const struct halo_service services[] = {
      {"__llvm_orc_bootstrap_run_as_main_wrapper", run_as_main, 0, NULL},
      {"__llvm_orc_bootstrap_run_as_void_function_wrapper", run_as_void_function, 0, NULL},
      {"__llvm_orc_bootstrap_run_as_int_function_wrapper", run_as_int_function, 0, NULL},
  };
  *count = sizeof services / sizeof services[0];
  return services;
}
