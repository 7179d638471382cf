/* exec/frames.h: an .eh_frame section, checked and copied into a plain form.
 *
 * In: a section that a controller's linker wrote. Out: one record per function, sorted by address,
 * whose pointers are absolute and whose bytes are ours: the section may be unmapped while some
 * thread's unwinder still searches a table that names it. Knows no unwinder. Source of the format:
 * DWARF 4 section 6.4 and LSB 5.0 chapter 10.6 (.eh_frame). One thread.
 */
#ifndef HALO_EXEC_FRAMES_H
#define HALO_EXEC_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A frame description entry with absolute addresses, as an unwinder reads it. */
struct halo_fde {
  uint32_t length;
  uint32_t to_cie; /* from this field back to its common entry */
  uint64_t pc, bytes;
};

struct halo_frames {
  uint64_t low, high; /* the addresses described: [low, high) */
  const void *end;    /* of this record and the entries, which are part of it */
  bool has_personality;
  size_t area; /* the index's own note */
  size_t count;
  const struct halo_fde *entries[]; /* sorted by pc */
};

/* Null with *why set to a constant string when the section is not understood. Memory is a shelf's:
 * give it back by halo_shelf_give. */
struct halo_frames *halo_frames_copy(uint64_t begin, uint64_t end, const char **why);

/* Writes one common entry, one entry for [pc, pc + bytes) and the terminator: a section of its own.
 * `to` is 8-byte aligned and has HALO_FRAMES_LEAST_BYTES. Returns the entry. */
#define HALO_FRAMES_LEAST_BYTES 80
const struct halo_fde *halo_frames_write_least(void *to, uint64_t pc, uint64_t bytes);

#endif
