/* executor/search.c: see search.h. */
#include "search.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define CACHE "/etc/ld.so.cache"
#define CACHE_LIMIT_BYTES (16u << 20)
#define FILES_LIMIT 65536 /* of a directory */
#define SCRIPT_LIMIT_BYTES 4096

static const char prefix[] = "lib", suffix[] = ".so";

static const char *const usual[] = {"/lib/x86_64-linux-gnu",
                                    "/usr/lib/x86_64-linux-gnu",
                                    "/lib/aarch64-linux-gnu",
                                    "/usr/lib/aarch64-linux-gnu",
                                    "/lib64",
                                    "/usr/lib64",
                                    "/lib",
                                    "/usr/lib",
                                    "/usr/local/lib"};

size_t halo_search_stem(const char *name) {
  if (strncmp(name, prefix, sizeof prefix - 1) != 0)
    return 0;
  const char *stem = name + sizeof prefix - 1;
  for (const char *at = stem; (at = strstr(at, suffix)); at++)
    if (at > stem && (at[sizeof suffix - 1] == 0 || at[sizeof suffix - 1] == '.'))
      return (size_t)(at - stem);
  return 0;
}

/* ---- the loader's cache ---- */

/* As glibc's dl-cache.h has it, since 2.2: this, the entries, then strings. Offsets are from the head. */
static const char magic[] = "glibc-ld.so.cache1.1";
struct head {
  char magic[sizeof magic - 1];
  uint32_t count, string_bytes;
  uint32_t unused[5];
};
struct entry {
  int32_t flags;
  uint32_t name, path, system;
  uint64_t hardware; /* 0: any */
};

/* With a zero behind it; null where there is none. */
static char *read_cache(size_t *bytes) {
  int file = open(CACHE, O_RDONLY | O_CLOEXEC);
  struct stat status;
  char *text = NULL;
  if (file >= 0 && fstat(file, &status) == 0 && status.st_size >= (off_t)sizeof(struct head) &&
      status.st_size <= CACHE_LIMIT_BYTES && (text = malloc((size_t)status.st_size + 1))) {
    ssize_t got = pread(file, text, (size_t)status.st_size, 0);
    *bytes = got < 0 ? 0 : (size_t)got;
    text[*bytes] = 0;
  }
  if (file >= 0)
    close(file);
  return text;
}

/* False: it cannot be read. */
static bool search_cache(halo_search_see *see, void *context) {
  size_t bytes = 0;
  char *text = read_cache(&bytes);
  struct head head;
  bool is_good = text && bytes >= sizeof head;
  if (is_good) {
    memcpy(&head, text, sizeof head);
    is_good = memcmp(head.magic, magic, sizeof head.magic) == 0 &&
              head.count <= (bytes - sizeof head) / sizeof(struct entry);
  }
  for (uint32_t i = 0; is_good && i < head.count; i++) {
    struct entry entry;
    memcpy(&entry, text + sizeof head + i * sizeof entry, sizeof entry);
    const char *path = entry.path < bytes ? text + entry.path : "", *name = strrchr(path, '/');
    /* What is there for some processors only is there for all of them, too. */
    if (entry.hardware == 0 && name && halo_search_stem(name + 1))
      see(context, path, name + 1);
  }
  free(text);
  return is_good;
}

/* ---- directories ---- */

static void search_directory(const char *path, halo_search_see *see, void *context) {
  DIR *directory = opendir(path);
  struct dirent *file;
  for (unsigned i = 0; directory && i < FILES_LIMIT && (file = readdir(directory)); i++) {
    char whole[PATH_BYTES];
    int bytes =
        halo_search_stem(file->d_name) ? snprintf(whole, sizeof whole, "%s/%s", path, file->d_name) : 0;
    if (bytes > 0 && bytes < (int)sizeof whole)
      see(context, whole, whole + bytes - strlen(file->d_name));
  }
  if (directory)
    closedir(directory);
}

/* Calls `each` for the directories that come before the cache. */
static void for_directories(const char *const *directories, size_t count, void (*each)(const char *, void *),
                            void *context) {
  for (size_t i = 0; i < count; i++)
    each(directories[i], context);
  const char *more = getenv("LD_LIBRARY_PATH");
  while (more && *more) {
    char path[PATH_BYTES];
    size_t bytes = strcspn(more, ":;");
    if (bytes < sizeof path) {
      memcpy(path, bytes ? more : ".", bytes ? bytes : 1);
      path[bytes ? bytes : 1] = 0;
      each(path, context);
    }
    more += bytes + (more[bytes] != 0);
  }
}

struct visit {
  halo_search_see *see;
  void *context;
};

static void visit_directory(const char *path, void *context) {
  const struct visit *visit = context;
  search_directory(path, visit->see, visit->context);
}

void halo_search_libraries(const char *const *directories, size_t count, halo_search_see *see,
                           void *context) {
  struct visit visit = {see, context};
  for_directories(directories, count, visit_directory, &visit);
  if (!search_cache(see, context))
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
      search_directory(usual[i], see, context);
}

static void add_to_stamp(void *context, const char *path, const char *name) {
  uint64_t *stamp = context;
  struct stat status;
  (void)name;
  if (stat(path, &status) != 0)
    return;
  const uint64_t facts[] = {status.st_dev, status.st_ino, (uint64_t)status.st_size,
                            (uint64_t)status.st_mtim.tv_sec, (uint64_t)status.st_mtim.tv_nsec};
  for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
    *stamp = (*stamp ^ facts[i]) * 0x100000001b3u;
}

/* People build libraries there, and may write over them. */
static void add_directory_to_stamp(const char *path, void *context) {
  add_to_stamp(context, path, NULL);
  search_directory(path, add_to_stamp, context);
}

uint64_t halo_search_stamp(const char *const *directories, size_t count) {
  uint64_t stamp = 0xcbf29ce484222325u;
  for_directories(directories, count, add_directory_to_stamp, &stamp);
  add_to_stamp(&stamp, CACHE, NULL);
  return stamp;
}

/* ---- development ---- */

static bool names_it(const char *script, const char *name) {
  char text[SCRIPT_LIMIT_BYTES + 1];
  int file = open(script, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  ssize_t got = file < 0 ? -1 : pread(file, text, SCRIPT_LIMIT_BYTES, 0);
  if (file >= 0)
    close(file);
  if (got <= 0 || text[0] == '\x7f') /* a library of its own */
    return false;
  text[got] = 0;
  for (const char *at = text; (at = strstr(at, name)); at++)
    if (!isalnum((unsigned char)at[strlen(name)]) &&
        at[strlen(name)] != '.') /* not libx.so.1 in libx.so.12 */
      return true;
  return false;
}

bool halo_search_is_developed(const char *path, const char *name) {
  char link[PATH_BYTES];
  struct stat status, linked;
  int directory_bytes = (int)(name - path);
  size_t link_bytes = sizeof prefix - 1 + halo_search_stem(name) + sizeof suffix - 1;
  if (snprintf(link, sizeof link, "%.*s%.*s", directory_bytes, path, (int)link_bytes, name) >=
          (int)sizeof link ||
      stat(path, &status) != 0 || stat(link, &linked) != 0)
    return false;
  if (status.st_dev == linked.st_dev && status.st_ino == linked.st_ino)
    return true;
  return S_ISREG(linked.st_mode) && linked.st_size <= SCRIPT_LIMIT_BYTES && names_it(link, name);
}

/* ---- archives ---- */

static bool has_archive(const char *directory, const char *stem, size_t stem_bytes) {
  char path[PATH_BYTES];
  struct stat status;
  int bytes = snprintf(path, sizeof path, "%s/%s%.*s.a", directory, prefix, (int)stem_bytes, stem);
  return bytes > 0 && bytes < (int)sizeof path && stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

bool halo_search_has_archive(const char *const *directories, size_t count, const char *stem,
                             size_t stem_bytes) {
  bool is_there = false;
  if (stem_bytes >= PATH_BYTES)
    return false;
  for (size_t i = 0; i < count && !is_there; i++)
    is_there = has_archive(directories[i], stem, stem_bytes);
  for (size_t i = 0; i < sizeof usual / sizeof usual[0] && !is_there; i++)
    is_there = has_archive(usual[i], stem, stem_bytes);
  return is_there;
}
