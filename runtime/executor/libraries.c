/* executor/libraries.c: see libraries.h. */
#include "libraries.h"

#include "../exec/answer.h"
#include "halo/protocol.h"
#include "library.h"
#include "search.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DIRECTORIES_LIMIT 64
#define SYMBOLS_LIMIT 1024
#define ROUNDS 8

/* ---- what was found ---- */

struct found {
  char *path;
  const char *name; /* in it */
  dev_t device;
  ino_t inode;
  bool is_developed;
};

struct result {
  struct found found[HALO_LIBRARIES_FOUND];
  size_t count;
};

/* Where a library that is not told yet goes; null: there is no room for it. */
static struct found *place(struct result *result, bool is_developed) {
  if (result->count < HALO_LIBRARIES_FOUND)
    return &result->found[result->count++];
  for (size_t i = 0; is_developed && i < result->count; i++)
    if (!result->found[i].is_developed)
      return &result->found[i];
  return NULL;
}

static void add(struct result *result, const struct halo_library *library, const char *path,
                const char *name) {
  struct found *known = NULL;
  for (size_t i = 0; i < result->count && !known; i++) {
    struct found *each = &result->found[i];
    if (each->device == library->device && each->inode == library->inode)
      known = each;
    else if (strcmp(each->name, name) == 0)
      return;
  }
  bool is_developed = halo_search_is_developed(path, name);
  if (known) {
    known->is_developed |= is_developed;
    if (strlen(name) <= strlen(known->name)) /* libz.so.1 says more than libz.so */
      return;
  }
  char *copy = strdup(path);
  struct found *found = known ? known : copy ? place(result, is_developed) : NULL;
  if (!copy || !found) {
    free(copy);
    return;
  }
  is_developed |= known && known->is_developed;
  free(found->path);
  *found = (struct found){copy, copy + (name - path), library->device, library->inode, is_developed};
}

static void write_result(struct halo_writer *out, const struct result *result) {
  halo_write_u64(out, result->count);
  for (size_t i = 0; i < result->count; i++) {
    halo_write_string(out, result->found[i].path);
    halo_write_u8(out, result->found[i].is_developed);
  }
}

static void free_result(struct result *result) {
  for (size_t i = 0; i < result->count; i++)
    free(result->found[i].path);
}

/* ---- arguments ---- */

struct directories {
  char *paths[DIRECTORIES_LIMIT];
  size_t count;
};

static int read_directories(struct halo_reader *in, struct directories *directories) {
  uint64_t count = halo_read_count(in, 8);
  directories->count = 0;
  for (; count > 0 && directories->count < DIRECTORIES_LIMIT; count--) {
    struct halo_view path = halo_read_bytes(in);
    char *copy = strndup((const char *)path.data, path.bytes);
    if (!copy)
      return HALO_E_MEMORY;
    directories->paths[directories->count++] = copy;
  }
  return count ? HALO_E_REFUSED : HALO_OK;
}

static void free_directories(struct directories *directories) {
  while (directories->count > 0)
    free(directories->paths[--directories->count]);
}

/* ---- symbols ---- */

struct symbols {
  size_t count;
  struct wanted {
    struct halo_symbol symbol;
    struct result result;
  } *wanted;
  char **late; /* paths of libraries that the disk has yet to bring */
  size_t late_count, late_capacity;
};

static void put_off(struct symbols *symbols, const char *path) {
  if (symbols->late_count == symbols->late_capacity) {
    size_t capacity = 2 * symbols->late_capacity + 64;
    char **more = realloc(symbols->late, capacity * sizeof *more);
    if (!more)
      return;
    symbols->late = more;
    symbols->late_capacity = capacity;
  }
  char *copy = strdup(path);
  if (copy)
    symbols->late[symbols->late_count++] = copy;
}

static void look_into(struct symbols *symbols, const char *path, uint32_t patience) {
  struct halo_library library;
  const char *name = strrchr(path, '/');
  if (halo_library_open(&library, path, patience)) {
    for (size_t i = 0; i < symbols->count && !library.is_late; i++)
      if (halo_library_defines(&library, &symbols->wanted[i].symbol))
        add(&symbols->wanted[i].result, &library, path, name ? name + 1 : path);
    halo_library_close(&library);
  }
  if (library.is_late)
    put_off(symbols, path);
}

static void see_symbols(void *context, const char *path, const char *name) {
  (void)name;
  look_into(context, path, 0);
}

/* So that the disk has the reads of all libraries before it at once: in each round a library waits for
 * what it asked for in the one before, and asks for the next. */
static void search_late(struct symbols *symbols) {
  for (unsigned round = 1; symbols->late_count; round++) {
    char **paths = symbols->late;
    size_t count = symbols->late_count;
    symbols->late = NULL;
    symbols->late_count = symbols->late_capacity = 0;
    for (size_t i = 0; i < count; i++) {
      look_into(symbols, paths[i], round < ROUNDS ? 1 : HALO_LIBRARY_WAITS);
      free(paths[i]);
    }
    free(paths);
  }
  free(symbols->late);
}

static int answer_symbols(struct halo_call *call, const struct directories *directories) {
  struct symbols symbols = {.count = halo_read_count(&call->in, 8)};
  if (symbols.count > SYMBOLS_LIMIT)
    return HALO_E_REFUSED;
  symbols.wanted = calloc(symbols.count + 1, sizeof symbols.wanted[0]);
  if (!symbols.wanted)
    return HALO_E_MEMORY;
  for (size_t i = 0; i < symbols.count; i++) {
    struct halo_view name = halo_read_bytes(&call->in);
    symbols.wanted[i].symbol = halo_symbol_named((const char *)name.data, name.bytes);
  }
  int status = call->in.is_bad ? HALO_E_MALFORMED : HALO_OK;
  const char *const *paths = (const char *const *)directories->paths;
  if (status == HALO_OK) {
    /* The stamp first: what comes meanwhile is searched another time. */
    uint64_t stamp = halo_search_stamp(paths, directories->count);
    if (symbols.count)
      halo_search_libraries(paths, directories->count, see_symbols, &symbols);
    search_late(&symbols);
    halo_answer_value(call->out);
    halo_write_u64(call->out, stamp);
    halo_write_u64(call->out, symbols.count);
    for (size_t i = 0; i < symbols.count; i++) {
      write_result(call->out, &symbols.wanted[i].result);
      free_result(&symbols.wanted[i].result);
    }
  }
  free(symbols.wanted);
  return status;
}

static int find_symbols(struct halo_call *call) {
  struct directories directories;
  int status = read_directories(&call->in, &directories);
  if (status == HALO_OK)
    status = answer_symbols(call, &directories);
  free_directories(&directories);
  return status;
}

/* ---- libraries ---- */

struct named {
  struct halo_view name;
  struct result result;
  char *unusable; /* the first that is called so and is no library for this process */
};

static bool is_called(const char *file, struct halo_view name) {
  size_t stem_bytes = halo_search_stem(file), link_bytes = strlen("lib") + stem_bytes + strlen(".so");
  if (name.bytes == stem_bytes)
    return memcmp(file + strlen("lib"), name.data, name.bytes) == 0;
  return (name.bytes == strlen(file) || name.bytes == link_bytes) && memcmp(file, name.data, name.bytes) == 0;
}

static void see_named(void *context, const char *path, const char *name) {
  struct named *named = context;
  struct halo_library library;
  struct stat status;
  if (!is_called(name, named->name))
    return;
  if (halo_library_open(&library, path, HALO_LIBRARY_WAITS)) {
    add(&named->result, &library, path, name);
    halo_library_close(&library);
  } else if (!named->unusable && stat(path, &status) == 0 && S_ISREG(status.st_mode)) {
    named->unusable = strdup(path);
  }
}

static int find_libraries(struct halo_call *call) {
  struct directories directories;
  int status = read_directories(&call->in, &directories);
  struct named named = {.name = halo_read_bytes(&call->in)};
  if (status == HALO_OK && call->in.is_bad)
    status = HALO_E_MALFORMED;
  if (status == HALO_OK) {
    const char *const *paths = (const char *const *)directories.paths;
    halo_search_libraries(paths, directories.count, see_named, &named);
    if (!named.result.count && named.unusable &&
        !halo_search_has_archive(paths, directories.count, (const char *)named.name.data, named.name.bytes)) {
      named.result.found[named.result.count++].path = named.unusable;
      named.unusable = NULL;
    }
    halo_answer_value(call->out);
    write_result(call->out, &named.result);
    free_result(&named.result);
    free(named.unusable);
  }
  free_directories(&directories);
  return status;
}

const struct halo_service *halo_libraries_services(size_t *count) {
  static const struct halo_service services[] = {
      {"halo_find_symbols", find_symbols, 0, NULL},
      {"halo_find_libraries", find_libraries, 0, NULL},
  };
  *count = sizeof services / sizeof services[0];
  return services;
}
