/* modules.h: the ELF modules that are loaded now: executable and shared libraries.
 *
 * In: the auxiliary vector and the dynamic linker's r_debug list, read as data (peek.h), because
 * dl_iterate_phdr takes the loader's lock, which a thread that libc does not know must not do.
 * Out: one struct halo_module each. Knows nothing of what Halo wants from them.
 * Constructor, then monitor thread.
 */
#ifndef HALO_MONITOR_MODULES_H
#define HALO_MONITOR_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HALO_MODULE_LIMIT 1024
#define HALO_BUILD_ID_LIMIT 32

struct halo_module {
  uint64_t base;                /* what the loader added to the file's addresses */
  uint64_t low, high;           /* everything mapped */
  uint64_t text_low, text_high; /* executable segments */
  uint64_t eh_frame_hdr;        /* 0: none */
  uint64_t dynamic;             /* PT_DYNAMIC; 0: none */
  uint64_t note_desc;           /* struct halo_note_desc; 0: not a Halo image */
  uint64_t name;                /* the loader's path string; 0: the executable */
  uint8_t build_id[HALO_BUILD_ID_LIMIT];
  uint32_t build_id_bytes;
  uint64_t build_id_at;
  bool has_tls, is_executable;
};

/* Remembers where the executable's program headers are (AT_PHDR, AT_PHNUM). */
void halo_modules_begin(uint64_t phdr, uint64_t phnum);
/* A number that changes when the loader's list does; 0 while it is being changed. */
uint64_t halo_modules_fingerprint(void);
/* Calls `see` for each module; stops early when it returns false. A module whose headers make no
 * sense is left out. */
void halo_modules_each(bool (*see)(const struct halo_module *module, void *context), void *context);

#endif
