/* arch/entry_x86_64.h: the bytes of patchable entries, as drawn in halo/image.h.
 *
 * Pure functions over byte buffers; nothing here touches code.
 */
#ifndef HALO_ARCH_ENTRY_X86_64_H
#define HALO_ARCH_ENTRY_X86_64_H

#include "halo/image.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define HALO_ENTRY_VIEW_BYTES (HALO_PREFIX_BYTES + 6) /* prefix and the longest prologue data */
#define HALO_STUB_BYTES 8
#define HALO_THUNK_BYTES 32

struct halo_entry_shape {
  bool is_armed;
  uint32_t switch_offset; /* from the entry to the byte that arms it */
  uint32_t body_offset;   /* from the entry to the original's body */
  int32_t slot_offset;    /* armed: from the end of the stub's jump to its slot */
};

/* Reads HALO_ENTRY_VIEW_BYTES from entry-16. False: not what the plugin writes. */
static inline bool halo_entry_inspect(const uint8_t *view, struct halo_entry_shape *shape) {
  static const uint8_t endbr[4] = {0xF3, 0x0F, 0x1E, 0xFA};
  const uint8_t *entry = view + HALO_PREFIX_BYTES;
  bool has_endbr = !memcmp(entry, endbr, 4);
  shape->switch_offset = has_endbr ? 4 : 0;
  shape->body_offset = shape->switch_offset + 2;
  uint8_t displacement = has_endbr ? HALO_ENTRY_DISPLACEMENT_CET : HALO_ENTRY_DISPLACEMENT;
  if (entry[shape->switch_offset + 1] != displacement)
    return false;
  uint8_t opcode = entry[shape->switch_offset];
  bool has_stub = view[0] == 0xFF && view[1] == 0x25;
  size_t fill_from = has_stub ? 6 : 0;
  for (size_t i = fill_from; i < HALO_PREFIX_BYTES; i++)
    if (view[i] != HALO_PREFIX_FILL)
      return false;
  memcpy(&shape->slot_offset, view + 2, 4);
  shape->is_armed = opcode == HALO_ENTRY_ARMED;
  return shape->is_armed ? has_stub : opcode == HALO_ENTRY_OPCODE;
}

/* jmp *slot(%rip), at `at`. False: the slot is out of reach. */
static inline bool halo_entry_stub(uint8_t stub[HALO_STUB_BYTES], uint64_t at, uint64_t slot) {
  int64_t distance = (int64_t)(slot - (at + 6));
  int32_t near = (int32_t)distance;
  if (near != distance)
    return false;
  memset(stub, HALO_PREFIX_FILL, HALO_STUB_BYTES);
  stub[0] = 0xFF;
  stub[1] = 0x25;
  memcpy(stub + 2, &near, 4);
  return true;
}

/* endbr64; lock incq counter(%rip); jmp *next(%rip). At `at`. */
static inline bool halo_entry_thunk(uint8_t thunk[HALO_THUNK_BYTES], uint64_t at, uint64_t counter,
                                    uint64_t next) {
  static const uint8_t code[] = {0xF3, 0x0F, 0x1E, 0xFA, 0xF0, 0x48, 0xFF, 0x05, 0, 0, 0, 0, 0xFF, 0x25};
  int64_t to_counter = (int64_t)(counter - (at + 12)), to_next = (int64_t)(next - (at + 18));
  int32_t near_counter = (int32_t)to_counter, near_next = (int32_t)to_next;
  if (near_counter != to_counter || near_next != to_next)
    return false;
  memset(thunk, HALO_PREFIX_FILL, HALO_THUNK_BYTES);
  memcpy(thunk, code, sizeof code);
  memcpy(thunk + 8, &near_counter, 4);
  memcpy(thunk + 14, &near_next, 4);
  return true;
}

#endif
