/* executor/pack.c: see pack.h. */
#include "pack.h"

#include "../exec/actions.h"
#include "../exec/answer.h"
#include "halo/protocol.h"
#include "poke.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define AREAS 3
#define STEP_BYTES (256ull << 10) /* areas are opened by so much */
#define SEGMENT_LEAST_BYTES (8 + 8 + 8)

static const int protections[AREAS] = {PROT_READ | PROT_EXEC, PROT_READ, PROT_READ | PROT_WRITE};

static struct {
  uint64_t base, bytes; /* of one area */
  uint64_t opened[AREAS];
} pack;

static void fail(struct halo_text *why, const char *what, uint64_t value) {
  halo_text_add(why, what);
  halo_text_add_hex(why, value);
}

static int reserve(struct halo_call *call) {
  struct halo_text why = {0};
  uint64_t bytes = halo_read_u64(&call->in);
  if (call->in.is_bad)
    return HALO_E_MALFORMED;
  if (pack.base || !bytes || bytes % STEP_BYTES || bytes > (1ull << 40)) {
    fail(&why, pack.base ? "the areas are there already, at " : "not a size of areas: ",
         pack.base ? pack.base : bytes);
  } else {
    void *at = mmap(NULL, AREAS * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
      fail(&why, "no address space for three areas of bytes: ", bytes);
    } else {
      pack.base = (uint64_t)(uintptr_t)at;
      pack.bytes = bytes;
    }
  }
  if (why.length) {
    halo_answer_failure(call->out, &why);
    return HALO_OK;
  }
  halo_answer_value(call->out);
  halo_write_u64(call->out, pack.base);
  return HALO_OK;
}

static bool open_up_to(size_t area, uint64_t end, struct halo_text *why) {
  if (end <= pack.opened[area])
    return true;
  uint64_t wanted = (end + STEP_BYTES - 1) / STEP_BYTES * STEP_BYTES;
  uint64_t from = pack.base + area * pack.bytes + pack.opened[area];
  if (mprotect((void *)(uintptr_t)from, wanted - pack.opened[area], protections[area]) != 0) {
    fail(why, "cannot open memory at ", from);
    halo_text_add(why, ": ");
    halo_text_add(why, strerror(errno));
    return false;
  }
  pack.opened[area] = wanted;
  return true;
}

static bool place(uint64_t address, uint64_t bytes, struct halo_view content, struct halo_text *why) {
  uint64_t offset = address - pack.base;
  size_t area = pack.bytes ? offset / pack.bytes : AREAS;
  uint64_t within = area < AREAS ? offset - area * pack.bytes : 0;
  if (address < pack.base || area >= AREAS || bytes > pack.bytes - within) {
    fail(why, "segment outside of the areas: ", address);
    return false;
  }
  bool is_data = protections[area] & PROT_WRITE;
  if (content.bytes > bytes || (!is_data && content.bytes < bytes)) {
    fail(why, "segment whose content does not fit: ", address);
    return false;
  }
  if (!open_up_to(area, within + bytes, why))
    return false;
  char *at = (char *)(uintptr_t)address;
  if (is_data) {
    if (content.bytes)
      memcpy(at, content.data, content.bytes);
    memset(at + content.bytes, 0, bytes - content.bytes);
  } else if (bytes && !halo_poke(address, content.data, content.bytes, protections[area])) {
    fail(why, "cannot write code at ", address);
    return false;
  }
  return true;
}

static int write_all(struct halo_call *call) {
  struct halo_text why = {0};
  struct halo_reader whole = call->in; /* nothing is touched before it is known to be well-formed */
  uint64_t count = halo_read_count(&whole, SEGMENT_LEAST_BYTES);
  for (uint64_t i = 0; i < count; i++) {
    halo_read_u64(&whole);
    halo_read_u64(&whole);
    halo_read_bytes(&whole);
  }
  halo_actions_skip(&whole);
  if (whole.is_bad)
    return HALO_E_MALFORMED;
  halo_read_count(&call->in, SEGMENT_LEAST_BYTES);
  for (uint64_t i = 0; i < count && !why.length; i++) {
    uint64_t address = halo_read_u64(&call->in), bytes = halo_read_u64(&call->in);
    place(address, bytes, halo_read_bytes(&call->in), &why);
  }
  if (!why.length) {
    struct halo_writer second_halves = {0};
    halo_actions_run(call->session, &call->in, &second_halves, &why);
    halo_writer_free(&second_halves);
  }
  halo_answer_error(call->out, &why);
  return HALO_OK;
}

const struct halo_service *halo_pack_services(size_t *count) {
  static const struct halo_service services[] = {
      {"halo_pack_reserve", reserve, 0, NULL},
      {"halo_pack_write", write_all, 0, NULL},
  };
  *count = sizeof services / sizeof services[0];
  return services;
}
