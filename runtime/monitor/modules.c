/* modules.c: program headers and link_map, read with suspicion: every count is bounded. */
#include "modules.h"

#include "halo/image.h"
#include "peek.h"

#include <elf.h>
#include <link.h>
#include <string.h>

#define PHDR_LIMIT 128
#define NOTE_LIMIT 4096

static uint64_t exe_phdr, exe_phnum;
static uint64_t debug_at; /* struct r_debug, once known */

void halo_modules_begin(uint64_t phdr, uint64_t phnum) {
  exe_phdr = phdr;
  exe_phnum = phnum;
  debug_at = 0;
}

/* Notes are (name bytes, descriptor bytes, type), name, descriptor, each padded to `align`. */
static void read_notes(struct halo_module *module, uint64_t at, uint64_t bytes, uint64_t align) {
  uint8_t buffer[NOTE_LIMIT];
  if (bytes > sizeof buffer || !halo_peek(at, buffer, bytes))
    return;
  align = align == 8 ? 8 : 4;
  size_t offset = 0;
  while (bytes - offset >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr header;
    memcpy(&header, buffer + offset, sizeof header);
    uint64_t name = offset + sizeof header;
    uint64_t desc = (name + header.n_namesz + align - 1) & ~(align - 1);
    uint64_t next = (desc + header.n_descsz + align - 1) & ~(align - 1);
    if (desc > bytes || header.n_descsz > bytes - desc)
      return;
    if (header.n_namesz == 4 && header.n_type == NT_GNU_BUILD_ID && !memcmp(buffer + name, "GNU", 4) &&
        header.n_descsz <= HALO_BUILD_ID_LIMIT) {
      memcpy(module->build_id, buffer + desc, header.n_descsz);
      module->build_id_bytes = header.n_descsz;
      module->build_id_at = at + desc;
    }
    if (header.n_namesz == sizeof HALO_NOTE_NAME && header.n_type == HALO_NOTE_TYPE &&
        !memcmp(buffer + name, HALO_NOTE_NAME, sizeof HALO_NOTE_NAME) &&
        header.n_descsz == sizeof(struct halo_note_desc))
      module->note_desc = at + desc;
    if (next > bytes)
      return;
    offset = next;
  }
}

static bool read_headers(struct halo_module *module, uint64_t phdr, uint64_t phnum) {
  Elf64_Phdr headers[PHDR_LIMIT];
  if (phnum == 0 || phnum > PHDR_LIMIT || !halo_peek(phdr, headers, phnum * sizeof headers[0]))
    return false;
  module->low = UINT64_MAX;
  module->text_low = UINT64_MAX;
  for (size_t i = 0; i < phnum; i++) {
    const Elf64_Phdr *header = &headers[i];
    uint64_t begin = module->base + header->p_vaddr, end = begin + header->p_memsz;
    if (end < begin)
      return false;
    switch (header->p_type) {
    case PT_LOAD:
      module->low = begin < module->low ? begin : module->low;
      module->high = end > module->high ? end : module->high;
      if (header->p_flags & PF_X) {
        module->text_low = begin < module->text_low ? begin : module->text_low;
        module->text_high = end > module->text_high ? end : module->text_high;
      }
      break;
    case PT_DYNAMIC:
      module->dynamic = begin;
      break;
    case PT_GNU_EH_FRAME:
      module->eh_frame_hdr = begin;
      break;
    case PT_TLS:
      module->has_tls = true;
      break;
    case PT_NOTE:
      read_notes(module, begin, header->p_memsz, header->p_align);
      break;
    default:
      break;
    }
  }
  return module->low < module->high && module->text_low < module->text_high;
}

/* The headers at a file's start, as the loader maps them. */
static bool read_file_header(uint64_t at, Elf64_Ehdr *header) {
  return halo_peek(at, header, sizeof *header) && !memcmp(header->e_ident, ELFMAG, SELFMAG) &&
         header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_phentsize == sizeof(Elf64_Phdr);
}

/* base + p_vaddr is where the headers are: PT_PHDR says so, else the segment at file offset 0. */
static bool find_executable_base(uint64_t *base) {
  Elf64_Phdr headers[PHDR_LIMIT];
  if (exe_phnum == 0 || exe_phnum > PHDR_LIMIT ||
      !halo_peek(exe_phdr, headers, exe_phnum * sizeof headers[0]))
    return false;
  for (size_t i = 0; i < exe_phnum; i++)
    if (headers[i].p_type == PT_PHDR) {
      *base = exe_phdr - headers[i].p_vaddr;
      return true;
    }
  Elf64_Ehdr file;
  uint64_t start = exe_phdr - sizeof file;
  if (!read_file_header(start, &file) || file.e_phoff != sizeof file)
    return false;
  for (size_t i = 0; i < exe_phnum; i++)
    if (headers[i].p_type == PT_LOAD && headers[i].p_offset == 0) {
      *base = start - headers[i].p_vaddr;
      return true;
    }
  return false;
}

static bool read_executable(struct halo_module *module) {
  memset(module, 0, sizeof *module);
  module->is_executable = true;
  return find_executable_base(&module->base) && read_headers(module, exe_phdr, exe_phnum);
}

static bool read_library(struct halo_module *module, const struct link_map *map) {
  memset(module, 0, sizeof *module);
  module->base = map->l_addr;
  module->name = (uint64_t)(uintptr_t)map->l_name;
  Elf64_Ehdr file;
  return map->l_addr && read_file_header(map->l_addr, &file) &&
         read_headers(module, map->l_addr + file.e_phoff, file.e_phnum);
}

/* DT_DEBUG of the executable: the loader stores r_debug's address there. */
static uint64_t find_debug(void) {
  struct halo_module exe;
  if (debug_at || !read_executable(&exe) || !exe.dynamic)
    return debug_at;
  for (uint64_t at = exe.dynamic;; at += sizeof(Elf64_Dyn)) {
    Elf64_Dyn entry;
    if (!halo_peek(at, &entry, sizeof entry) || entry.d_tag == DT_NULL)
      return 0;
    if (entry.d_tag == DT_DEBUG)
      return debug_at = entry.d_un.d_ptr;
  }
}

static uint64_t first_map(void) {
  struct r_debug debug;
  uint64_t at = find_debug();
  if (!at || !halo_peek(at, &debug, sizeof debug) || debug.r_state != RT_CONSISTENT)
    return 0;
  return (uint64_t)(uintptr_t)debug.r_map;
}

uint64_t halo_modules_fingerprint(void) {
  uint64_t hash = 0xcbf29ce484222325u;
  uint64_t at = first_map();
  if (!at)
    return find_debug() ? 0 : hash; /* a static executable never changes */
  for (int count = 0; at && count < HALO_MODULE_LIMIT; count++) {
    struct link_map map;
    if (!halo_peek(at, &map, sizeof map))
      return 0;
    hash = (hash ^ at) * 0x100000001b3u;
    hash = (hash ^ map.l_addr) * 0x100000001b3u;
    hash = (hash ^ (uint64_t)(uintptr_t)map.l_ld) * 0x100000001b3u;
    at = (uint64_t)(uintptr_t)map.l_next;
  }
  return hash ? hash : 1;
}

void halo_modules_each(bool (*see)(const struct halo_module *module, void *context), void *context) {
  struct halo_module module;
  if (read_executable(&module) && !see(&module, context))
    return;
  uint64_t executable_dynamic = module.dynamic;
  uint64_t at = first_map();
  for (int count = 0; at && count < HALO_MODULE_LIMIT; count++) {
    struct link_map map;
    if (!halo_peek(at, &map, sizeof map))
      return;
    bool is_executable = (uint64_t)(uintptr_t)map.l_ld == executable_dynamic;
    if (!is_executable && read_library(&module, &map) && !see(&module, context))
      return;
    at = (uint64_t)(uintptr_t)map.l_next;
  }
}
