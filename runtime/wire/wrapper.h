/* wire/wrapper.h: LLVM's C calling convention for wrapper functions (stand-alone executor only).
 *
 * A wrapper takes bytes and returns bytes: up to 8 inline, more in memory from malloc, which the
 * caller frees. Zero bytes with a pointer is an error message, also from malloc.
 */
#ifndef HALO_WIRE_WRAPPER_H
#define HALO_WIRE_WRAPPER_H

#include "halo/text.h"
#include "halo/wire.h"

struct halo_wrapper_result {
  union {
    char *pointer;
    char bytes[8];
  } data;
  size_t size;
};

typedef struct halo_wrapper_result halo_wrapper_fn(const char *arguments, size_t bytes);

/* Calls the function and appends its result to `out`. 0, or HALO_E_REFUSED with the wrapper's own
 * message in `error`. */
int halo_wrapper_call(uint64_t address, const void *arguments, size_t bytes, struct halo_writer *out,
                      struct halo_text *error);
/* The other direction: a result for a caller that will free() it. Runs out of memory as an error
 * without a message (zero bytes, null). */
struct halo_wrapper_result halo_wrapper_value(const void *data, size_t bytes);
struct halo_wrapper_result halo_wrapper_error(const char *message);

#endif
