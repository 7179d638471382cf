/* executor/library.h: what a shared library defines, read from its file.
 *
 * A symbol is found as the loader finds it: by the GNU hash table, its Bloom filter first, so that of
 * most libraries some dozen bytes are read. Libraries without that table define nothing here.
 *
 * Nothing of a file is trusted. It is read within its limits and never mapped, so one that lies, is
 * cut, or changes meanwhile is at worst a library without the symbol. No allocation, any thread.
 */
#ifndef HALO_EXECUTOR_LIBRARY_H
#define HALO_EXECUTOR_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HALO_LIBRARY_SEGMENTS 16

#define HALO_LIBRARY_WAITS UINT32_MAX

struct halo_library {
  int file;
  uint32_t patience; /* how often a read may wait for the disk */
  bool is_late;      /* it would have waited once more: what is read there has been asked for */
  dev_t device;
  ino_t inode;
  struct halo_library_segment {
    uint64_t address, offset, bytes;
  } segments[HALO_LIBRARY_SEGMENTS];
  size_t segment_count;
  uint64_t symbols, strings, string_bytes, versions; /* addresses; versions: 0, there are none */
  uint64_t filter, buckets, chains;
  uint32_t filter_words, filter_shift, bucket_count, first_symbol;
};

/* A symbol as object files name it; borrowed. */
struct halo_symbol {
  const char *name;
  size_t bytes;
  uint32_t hash;
};

struct halo_symbol halo_symbol_named(const char *name, size_t bytes);

/* A shared library that a process as this one can load. False: it is none, or it is late; there is
 * nothing to close then. */
bool halo_library_open(struct halo_library *library, const char *path, uint32_t patience);
/* Whether code or data of this name can be bound to: defined, and in its default version. False: no, or
 * the library is late. */
bool halo_library_defines(struct halo_library *library, const struct halo_symbol *symbol);
void halo_library_close(struct halo_library *library);

#endif
