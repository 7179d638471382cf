/* wire/wrapper.c: see wrapper.h. The one file of wire/ that uses malloc: the convention asks. */
#include "wrapper.h"

#include "halo/protocol.h"

#include <stdlib.h>
#include <string.h>

int halo_wrapper_call(uint64_t address, const void *arguments, size_t bytes, struct halo_writer *out,
                      struct halo_text *error) {
  halo_wrapper_fn *run = (halo_wrapper_fn *)(uintptr_t)address;
  struct halo_wrapper_result result = run(arguments, bytes);
  if (result.size == 0) {
    if (!result.data.pointer)
      return HALO_OK;
    halo_text_add(error, result.data.pointer);
    free(result.data.pointer);
    return HALO_E_REFUSED;
  }
  if (result.size <= sizeof result.data.bytes) {
    halo_write_raw(out, result.data.bytes, result.size);
    return HALO_OK;
  }
  halo_write_raw(out, result.data.pointer, result.size);
  free(result.data.pointer);
  return HALO_OK;
}

struct halo_wrapper_result halo_wrapper_value(const void *data, size_t bytes) {
  struct halo_wrapper_result result = {.size = bytes};
  if (bytes <= sizeof result.data.bytes) {
    if (bytes)
      memcpy(result.data.bytes, data, bytes);
    return result;
  }
  result.data.pointer = malloc(bytes);
  if (!result.data.pointer)
    return halo_wrapper_error("no memory for the result");
  memcpy(result.data.pointer, data, bytes);
  return result;
}

struct halo_wrapper_result halo_wrapper_error(const char *message) {
  struct halo_wrapper_result result = {.size = 0};
  result.data.pointer = strdup(message);
  return result;
}
