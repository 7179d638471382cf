/* exports.c: a symbol's address by the GNU hash tables of the loaded modules, in load order.
 *
 * What dlsym(RTLD_DEFAULT) would say, read as data. Only the default version.
 * Indirect functions are resolved for the C library and its mathematics alone: their resolvers
 * read processor features and nothing else.
 */
#include "builtins.h"
#include "modules.h"
#include "peek.h"

#include <elf.h>
#include <string.h>

#define NAME_LIMIT 128
#define CHAIN_LIMIT 4096
#define VERSION_IS_HIDDEN 0x8000u

struct query {
  const char *name;
  size_t bytes;
  uint32_t hash;
  bool is_data;
  uint64_t address;
};

struct dynamic {
  uint64_t hash, symbols, strings, versions;
};

static uint32_t hash_of(const char *name, size_t bytes) {
  uint32_t hash = 5381;
  for (size_t i = 0; i < bytes; i++)
    hash = hash * 33 + (uint8_t)name[i];
  return hash;
}

/* Pointers in here are absolute where the loader relocates the section (glibc), else relative. */
static uint64_t absolute(const struct halo_module *module, uint64_t value) {
  return value && value < module->base ? module->base + value : value;
}

static bool read_dynamic(const struct halo_module *module, struct dynamic *found) {
  memset(found, 0, sizeof *found);
  Elf64_Dyn entries[128];
  size_t have = module->dynamic ? halo_peek_some(module->dynamic, entries, sizeof entries) : 0;
  for (size_t i = 0; i < have / sizeof entries[0] && entries[i].d_tag != DT_NULL; i++) {
    Elf64_Dyn entry = entries[i];
    uint64_t value = absolute(module, entry.d_un.d_ptr);
    if (entry.d_tag == DT_GNU_HASH)
      found->hash = value;
    else if (entry.d_tag == DT_SYMTAB)
      found->symbols = value;
    else if (entry.d_tag == DT_STRTAB)
      found->strings = value;
    else if (entry.d_tag == DT_VERSYM)
      found->versions = value;
  }
  return found->hash && found->symbols && found->strings;
}

static bool is_libc(const struct halo_module *module) {
  char path[512];
  halo_peek_string(module->name, path, sizeof path);
  const char *file = strrchr(path, '/');
  file = file ? file + 1 : path;
  return !strncmp(file, "libc.so", 7) || !strncmp(file, "libm.so", 7);
}

static uint64_t address_of(const struct halo_module *module, const struct dynamic *dynamic, uint32_t index,
                           const struct query *query) {
  Elf64_Sym symbol;
  char name[NAME_LIMIT + 1];
  uint16_t version;
  if (!halo_peek(dynamic->symbols + index * sizeof symbol, &symbol, sizeof symbol) ||
      symbol.st_shndx == SHN_UNDEF)
    return 0;
  halo_peek_string(dynamic->strings + symbol.st_name, name, query->bytes + 2);
  if (strlen(name) != query->bytes || memcmp(name, query->name, query->bytes) != 0)
    return 0;
  if (dynamic->versions &&
      (!halo_peek(dynamic->versions + 2ul * index, &version, sizeof version) || version & VERSION_IS_HIDDEN))
    return 0;
  uint64_t address = module->base + symbol.st_value;
  if (query->is_data)
    return ELF64_ST_TYPE(symbol.st_info) == STT_OBJECT ? address : 0;
  if (address < module->text_low || address >= module->text_high)
    return 0;
  if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC)
    return address;
  if (ELF64_ST_TYPE(symbol.st_info) == STT_GNU_IFUNC && is_libc(module))
    return ((uint64_t (*)(void))(uintptr_t)address)();
  return 0;
}

static bool look_into(const struct halo_module *module, void *context) {
  struct query *query = context;
  struct dynamic dynamic;
  uint32_t header[4]; /* buckets, first hashed symbol, Bloom words, Bloom shift */
  if (!read_dynamic(module, &dynamic) || !halo_peek(dynamic.hash, header, sizeof header) || !header[0] ||
      !header[2])
    return true;
  uint64_t bloom, at = dynamic.hash + sizeof header;
  if (!halo_peek(at + 8ul * ((query->hash / 64) & (header[2] - 1)), &bloom, sizeof bloom))
    return true;
  if (!(bloom >> (query->hash % 64) & bloom >> ((query->hash >> header[3]) % 64) & 1))
    return true;
  uint64_t buckets = at + 8ul * header[2], chains = buckets + 4ul * header[0];
  uint32_t index;
  if (!halo_peek(buckets + 4ul * (query->hash % header[0]), &index, sizeof index) || index < header[1])
    return true;
  for (int i = 0; i < CHAIN_LIMIT; i++, index++) {
    uint32_t hash;
    if (!halo_peek(chains + 4ul * (index - header[1]), &hash, sizeof hash))
      return true;
    if ((hash | 1) == (query->hash | 1))
      query->address = address_of(module, &dynamic, index, query);
    if (query->address)
      return false;
    if (hash & 1)
      return true;
  }
  return true;
}

static uint64_t find(const char *name, size_t bytes, bool is_data) {
  if (bytes == 0 || bytes > NAME_LIMIT - 1)
    return 0;
  struct query query = {name, bytes, hash_of(name, bytes), is_data, 0};
  halo_modules_each(look_into, &query);
  return query.address;
}

uint64_t halo_exports_find(const char *name, size_t bytes) { return find(name, bytes, false); }

uint64_t halo_exports_find_data(const char *name) { return find(name, strlen(name), true); }
