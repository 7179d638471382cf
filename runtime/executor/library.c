/* executor/library.c: see library.h. */
#include "library.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define HEADERS_LIMIT 64
#define DYNAMIC_LIMIT 512
#define CHAIN_LIMIT 4096 /* of real libraries: some tens */
#define FILTER_BITS 64u

extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden"))); /* ours */

struct halo_symbol halo_symbol_named(const char *name, size_t bytes) {
  uint32_t hash = 5381;
  for (size_t i = 0; i < bytes; i++)
    hash = hash * 33 + (uint8_t)name[i];
  return (struct halo_symbol){name, bytes, hash};
}

/* How many bytes there are; -1: none, or the library is late. */
static ssize_t read_some(struct halo_library *library, uint64_t offset, void *to, size_t bytes) {
  struct iovec piece = {to, bytes};
  if (offset > INT64_MAX)
    return -1;
  ssize_t got = preadv2(library->file, &piece, 1, (off_t)offset, RWF_NOWAIT);
  bool would_wait = got < 0 ? errno == EAGAIN : got < (ssize_t)bytes;
  if (would_wait && library->patience == 0) {
    posix_fadvise(library->file, (off_t)offset, (off_t)bytes, POSIX_FADV_WILLNEED);
    library->is_late = true;
    return -1;
  }
  if (would_wait && library->patience != HALO_LIBRARY_WAITS)
    library->patience--;
  if (got == (ssize_t)bytes)
    return got;
  return pread(library->file, to, bytes, (off_t)offset); /* also where the flag is not known */
}

static bool read_file(struct halo_library *library, uint64_t offset, void *to, size_t bytes) {
  return read_some(library, offset, to, bytes) == (ssize_t)bytes;
}

/* What will be at an address once the library is loaded. */
static bool read_at(struct halo_library *library, uint64_t address, void *to, size_t bytes) {
  for (size_t i = 0; i < library->segment_count; i++) {
    const struct halo_library_segment *segment = &library->segments[i];
    uint64_t within = address - segment->address;
    if (address >= segment->address && within <= segment->bytes && bytes <= segment->bytes - within)
      return segment->offset <= INT64_MAX && within <= INT64_MAX &&
             read_file(library, segment->offset + within, to, bytes);
  }
  return false;
}

static bool is_library(const Elf64_Ehdr *header) {
  return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
         header->e_ident[EI_CLASS] == __ehdr_start.e_ident[EI_CLASS] &&
         header->e_ident[EI_DATA] == __ehdr_start.e_ident[EI_DATA] &&
         header->e_machine == __ehdr_start.e_machine && header->e_type == ET_DYN &&
         header->e_phentsize == sizeof(Elf64_Phdr) && header->e_phnum <= HEADERS_LIMIT;
}

/* Of the dynamic section; what is not there is 0. */
struct dynamic {
  uint64_t hash, symbols, strings, string_bytes, versions, flags;
};

static bool read_dynamic(struct halo_library *library, const Elf64_Phdr *segment, struct dynamic *found) {
  Elf64_Dyn entries[DYNAMIC_LIMIT];
  size_t count = segment->p_filesz / sizeof entries[0];
  if (count > DYNAMIC_LIMIT)
    count = DYNAMIC_LIMIT;
  if (!read_file(library, segment->p_offset, entries, count * sizeof entries[0]))
    return false;
  for (size_t i = 0; i < count && entries[i].d_tag != DT_NULL; i++) {
    uint64_t value = entries[i].d_un.d_val;
    switch (entries[i].d_tag) {
    case DT_GNU_HASH:
      found->hash = value;
      break;
    case DT_SYMTAB:
      found->symbols = value;
      break;
    case DT_STRTAB:
      found->strings = value;
      break;
    case DT_STRSZ:
      found->string_bytes = value;
      break;
    case DT_VERSYM:
      found->versions = value;
      break;
    case DT_FLAGS_1:
      found->flags = value;
      break;
    default:
      break;
    }
  }
  return true;
}

static bool read_tables(struct halo_library *library, const struct dynamic *dynamic) {
  uint32_t head[4]; /* buckets, first symbol, words of the filter, shift; then filter, buckets, chains */
  if (!dynamic->hash || !dynamic->symbols || !dynamic->strings || dynamic->flags & (DF_1_NOOPEN | DF_1_PIE) ||
      !read_at(library, dynamic->hash, head, sizeof head))
    return false;
  /* The loader relies on the power of two. */
  if (!head[0] || !head[2] || head[2] & (head[2] - 1) || head[3] >= 32)
    return false;
  library->bucket_count = head[0];
  library->first_symbol = head[1];
  library->filter_words = head[2];
  library->filter_shift = head[3];
  library->filter = dynamic->hash + sizeof head;
  library->buckets = library->filter + (uint64_t)library->filter_words * sizeof(uint64_t);
  library->chains = library->buckets + (uint64_t)library->bucket_count * sizeof(uint32_t);
  library->symbols = dynamic->symbols;
  library->strings = dynamic->strings;
  library->string_bytes = dynamic->string_bytes;
  library->versions = dynamic->versions;
  return true;
}

static bool read_library(struct halo_library *library) {
  struct {
    Elf64_Ehdr header;
    uint8_t more[960]; /* where program headers usually are */
  } head;
  Elf64_Phdr segments[HEADERS_LIMIT];
  ssize_t got = read_some(library, 0, &head, sizeof head);
  if (got < (ssize_t)sizeof head.header || !is_library(&head.header))
    return false;
  uint64_t at = head.header.e_phoff, bytes = head.header.e_phnum * sizeof segments[0];
  if (at <= (uint64_t)got && bytes <= (uint64_t)got - at)
    memcpy(segments, (uint8_t *)&head + at, bytes);
  else if (!read_file(library, at, segments, bytes))
    return false;
  const Elf64_Phdr *dynamic_segment = NULL;
  for (size_t i = 0; i < head.header.e_phnum; i++) {
    const Elf64_Phdr *segment = &segments[i];
    if (segment->p_type == PT_DYNAMIC)
      dynamic_segment = segment;
    if (segment->p_type == PT_LOAD && library->segment_count < HALO_LIBRARY_SEGMENTS)
      library->segments[library->segment_count++] =
          (struct halo_library_segment){segment->p_vaddr, segment->p_offset, segment->p_filesz};
  }
  struct dynamic dynamic = {0};
  return dynamic_segment && read_dynamic(library, dynamic_segment, &dynamic) &&
         read_tables(library, &dynamic);
}

bool halo_library_open(struct halo_library *library, const char *path, uint32_t patience) {
  struct stat status;
  memset(library, 0, sizeof *library);
  library->patience = patience;
  library->file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* it may be a pipe */
  if (library->file < 0)
    return false;
  if (fstat(library->file, &status) == 0 && S_ISREG(status.st_mode)) {
    library->device = status.st_dev;
    library->inode = status.st_ino;
    if (read_library(library))
      return true;
  }
  close(library->file);
  return false;
}

void halo_library_close(struct halo_library *library) { close(library->file); }

/* Whether the entry of the symbol table is the symbol, and one that can be bound to. */
static bool is_symbol(struct halo_library *library, uint64_t index, const struct halo_symbol *symbol) {
  Elf64_Sym entry;
  uint16_t version = 0;
  if (!read_at(library, library->symbols + index * sizeof entry, &entry, sizeof entry) ||
      entry.st_shndx == SHN_UNDEF)
    return false;
  unsigned type = ELF64_ST_TYPE(entry.st_info), binding = ELF64_ST_BIND(entry.st_info);
  if (type != STT_NOTYPE && type != STT_OBJECT && type != STT_FUNC && type != STT_GNU_IFUNC)
    return false;
  if (binding != STB_GLOBAL && binding != STB_WEAK && binding != STB_GNU_UNIQUE)
    return false;
  if (library->versions &&
      (!read_at(library, library->versions + index * sizeof version, &version, sizeof version) ||
       version & 0x8000)) /* hidden: only who asks for that version gets it */
    return false;
  if (entry.st_name >= library->string_bytes || symbol->bytes >= library->string_bytes - entry.st_name)
    return false;
  char piece[256];
  for (size_t done = 0; done <= symbol->bytes;) { /* with the zero at its end */
    size_t bytes = symbol->bytes + 1 - done;
    if (bytes > sizeof piece)
      bytes = sizeof piece;
    if (!read_at(library, library->strings + entry.st_name + done, piece, bytes))
      return false;
    size_t compared = bytes < symbol->bytes - done ? bytes : symbol->bytes - done;
    if (memcmp(piece, symbol->name + done, compared) != 0 || (compared < bytes && piece[compared]))
      return false;
    done += bytes;
  }
  return true;
}

bool halo_library_defines(struct halo_library *library, const struct halo_symbol *symbol) {
  uint32_t hash = symbol->hash, index, link;
  uint64_t word, place = hash / FILTER_BITS & (library->filter_words - 1);
  uint64_t mask = 1ull << hash % FILTER_BITS | 1ull << (hash >> library->filter_shift) % FILTER_BITS;
  if (!read_at(library, library->filter + place * sizeof word, &word, sizeof word) || (word & mask) != mask)
    return false;
  uint64_t bucket = library->buckets + (uint64_t)(hash % library->bucket_count) * sizeof index;
  if (!read_at(library, bucket, &index, sizeof index) || index < library->first_symbol)
    return false;
  for (unsigned step = 0; step < CHAIN_LIMIT; step++, index++) {
    uint64_t chain = library->chains + (uint64_t)(index - library->first_symbol) * sizeof link;
    if (!read_at(library, chain, &link, sizeof link))
      return false;
    if ((link | 1) == (hash | 1) && is_symbol(library, index, symbol))
      return true;
    if (link & 1)
      return false;
  }
  return false;
}
