/* The search in libraries: a symbol is found where the loader would find it and nowhere else, and
 * files that lie, end early or are no files are libraries without it. argv[1]: the sample library.
 */
#include "executor/libraries.h"
#include "check.h"
#include "executor/library.h"
#include "executor/search.h"

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>

static uint8_t *sample; /* its bytes */
static size_t sample_bytes;
static int file; /* a copy in memory, to be broken */
static char file_path[64];

static void set_up(const char *path) {
  int from = open(path, O_RDONLY);
  struct stat status;
  CHECK(from >= 0 && fstat(from, &status) == 0);
  sample_bytes = (size_t)status.st_size;
  sample = malloc(sample_bytes);
  CHECK(sample && read(from, sample, sample_bytes) == (ssize_t)sample_bytes);
  close(from);
  file = memfd_create("sample", MFD_CLOEXEC);
  CHECK(file >= 0 && write(file, sample, sample_bytes) == (ssize_t)sample_bytes);
  snprintf(file_path, sizeof file_path, "/proc/self/fd/%d", file);
}

static void patch(size_t offset, const void *bytes, size_t count) {
  CHECK(pwrite(file, bytes, count, (off_t)offset) == (ssize_t)count);
}

static void restore(size_t offset, size_t count) { patch(offset, sample + offset, count); }

static bool defines(const char *path, const char *name) {
  struct halo_symbol symbol = halo_symbol_named(name, strlen(name));
  struct halo_library library;
  if (!halo_library_open(&library, path, HALO_LIBRARY_WAITS))
    return false;
  bool is_defined = halo_library_defines(&library, &symbol);
  halo_library_close(&library);
  return is_defined;
}

/* ---- symbols ---- */

static void test_symbols(void) {
  CHECK(defines(file_path, "sample_function"));
  CHECK(defines(file_path, "sample_data"));
  CHECK(defines(file_path, "sample_weak"));
  CHECK(defines(file_path, "sample_versioned"));
  CHECK(!defines(file_path, "sample_retired")); /* not its default version */
  CHECK(!defines(file_path, "sample_thread_local"));
  CHECK(!defines(file_path, "sample_hidden"));
  CHECK(!defines(file_path, "sample_undefined"));
  CHECK(!defines(file_path, "sample_functio"));
  CHECK(!defines(file_path, "sample_functions"));
  CHECK(!defines(file_path, ""));
  static char long_name[5000];
  memset(long_name, 'a', sizeof long_name - 1);
  CHECK(!defines(file_path, long_name));
}

static void test_same_hash(void) {
  /* The hash of "b!" is that of "aB": the name decides. */
  struct halo_symbol one = halo_symbol_named("aB", 2), other = halo_symbol_named("b!", 2);
  CHECK_EQUAL(one.hash, other.hash);
  uint8_t *name = memmem(sample, sample_bytes, "sample_weak", sizeof "sample_weak");
  CHECK(name);
  size_t at = (size_t)(name - sample);
  const char twin[] = {'s' + 1, 'a' - 33}; /* same hash, another name */
  patch(at, twin, sizeof twin);
  CHECK(!defines(file_path, "sample_weak"));
  restore(at, sizeof twin);
  patch(at + strlen("sample_weak"), "x", 1); /* and all of it */
  CHECK(!defines(file_path, "sample_weak"));
  restore(at + strlen("sample_weak"), 1);
  CHECK(defines(file_path, "sample_weak"));
}

/* ---- files that lie ---- */

/* Each byte of the file, changed in some ways: nothing happens, and no symbol appears. */
static void test_changed_bytes(void) {
  static const uint8_t masks[] = {0xff, 0x01, 0x80};
  for (size_t at = 0; at < sample_bytes; at++)
    for (size_t i = 0; i < sizeof masks; i++) {
      uint8_t changed = sample[at] ^ masks[i];
      patch(at, &changed, 1);
      defines(file_path, "sample_function");
      CHECK(!defines(file_path, "sample_undefined_everywhere"));
      restore(at, 1);
    }
  CHECK(defines(file_path, "sample_function"));
}

static void test_changed_words(void) {
  static const uint64_t words[] = {0, UINT64_MAX, INT64_MAX, UINT32_MAX, 1ull << 62};
  for (size_t at = 0; at + 8 <= sample_bytes; at += 4)
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
      patch(at, &words[i], 8);
      defines(file_path, "sample_function");
      restore(at, 8);
    }
  CHECK(defines(file_path, "sample_function"));
}

static void test_cut_files(void) {
  for (size_t bytes = sample_bytes; bytes-- > 0;) {
    CHECK(ftruncate(file, (off_t)bytes) == 0);
    defines(file_path, "sample_function");
  }
  CHECK(!defines(file_path, "sample_function"));
  restore(0, sample_bytes);
  CHECK(defines(file_path, "sample_function"));
}

static void test_endless_chains(void) {
  /* Every word of the hash table without the bit that ends a chain. */
  const Elf64_Ehdr *header = (const Elf64_Ehdr *)sample;
  const Elf64_Shdr *section = (const Elf64_Shdr *)(sample + header->e_shoff);
  for (; section->sh_type != SHT_GNU_HASH; section++)
    CHECK((uint8_t *)section < sample + sample_bytes);
  for (size_t at = section->sh_offset + 16; at < section->sh_offset + section->sh_size; at += 4) {
    uint32_t word = *(uint32_t *)(sample + at) & ~1u;
    patch(at, &word, 4);
  }
  defines(file_path, "sample_function");
  restore(section->sh_offset, section->sh_size);
}

/* ---- places ---- */

static char directory[] = "/tmp/halo-libraries-XXXXXX";

static const char *in_directory(const char *name) {
  static char path[128];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return path;
}

static void put(const char *name, const void *bytes, size_t count) {
  int to = open(in_directory(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  CHECK(to >= 0 && write(to, bytes, count) == (ssize_t)count);
  close(to);
}

static void test_names(void) {
  CHECK_EQUAL(halo_search_stem("libz.so"), 1);
  CHECK_EQUAL(halo_search_stem("libpython3.11.so.1.0"), 10);
  CHECK_EQUAL(halo_search_stem("lib.so.so"), 3);
  CHECK_EQUAL(halo_search_stem("lib.so"), 0);
  CHECK_EQUAL(halo_search_stem("libx.sock"), 0);
  CHECK_EQUAL(halo_search_stem("ld-linux.so.2"), 0);
  CHECK_EQUAL(halo_search_stem("libx.a"), 0);
}

/* Calls a service; its answer is in `out`. */
static struct halo_reader ask(const char *name, struct halo_writer *arguments, struct halo_writer *out) {
  size_t count;
  const struct halo_service *service = halo_libraries_services(&count);
  while (strcmp(service->name, name) != 0) {
    CHECK(count-- > 1);
    service++;
  }
  struct halo_call call = {.in = halo_reader_over(arguments->data, arguments->bytes), .out = out};
  CHECK_EQUAL(service->run(&call), 0);
  struct halo_reader in = halo_reader_over(out->data, out->bytes);
  CHECK_EQUAL(halo_read_u8(&in), 1);
  return in;
}

static void expect_library(struct halo_reader *in, const char *path, bool is_developed) {
  struct halo_view told = halo_read_bytes(in);
  CHECK(!in->is_bad && told.bytes == strlen(path) && memcmp(told.data, path, told.bytes) == 0);
  CHECK_EQUAL(halo_read_u8(in), is_developed);
}

static void test_search(void) {
  struct halo_writer arguments = {0}, out = {0};
  halo_write_u64(&arguments, 1);
  halo_write_string(&arguments, directory);
  halo_write_u64(&arguments, 2);
  halo_write_string(&arguments, "sample_function");
  halo_write_string(&arguments, "sample_functions");
  put("libsample.so.1", sample, sample_bytes);
  put("libtext.so", "no library", 10);
  CHECK(mkfifo(in_directory("libpipe.so"), 0600) == 0 && mkdir(in_directory("libmap.so"), 0700) == 0);

  struct halo_reader in = ask("halo_find_symbols", &arguments, &out);
  uint64_t stamp = halo_read_u64(&in);
  CHECK_EQUAL(halo_read_u64(&in), 2);
  CHECK_EQUAL(halo_read_u64(&in), 1);
  expect_library(&in, in_directory("libsample.so.1"), false);
  CHECK_EQUAL(halo_read_u64(&in), 0);

  /* The file under its other name is no other library. */
  CHECK(symlink("libsample.so.1", in_directory("libsample.so")) == 0);
  in = ask("halo_find_symbols", &arguments, &out);
  CHECK(halo_read_u64(&in) != stamp);
  CHECK_EQUAL(halo_read_u64(&in), 2);
  CHECK_EQUAL(halo_read_u64(&in), 1);
  expect_library(&in, in_directory("libsample.so.1"), true);

  /* A linker script leads to it, too; what leads elsewhere does not. */
  CHECK(unlink(in_directory("libsample.so")) == 0);
  put("libsample.so", "INPUT(libsample.so.1 -lmore)", 28);
  char path[128];
  strcpy(path, in_directory("libsample.so.1"));
  CHECK(halo_search_is_developed(path, strrchr(path, '/') + 1));
  put("libsample.so",
      "\x7f"
      "ELF libsample.so.1",
      19); /* another library */
  CHECK(!halo_search_is_developed(path, strrchr(path, '/') + 1));
  put("libsample.so", "INPUT(libsample.so.2)", 21);
  CHECK(!halo_search_is_developed(path, strrchr(path, '/') + 1));

  put("libsample.so.2", sample, sample_bytes);
  halo_writer_reset(&arguments);
  halo_write_u64(&arguments, 1);
  halo_write_string(&arguments, directory);
  halo_write_string(&arguments, "sample");
  in = ask("halo_find_libraries", &arguments, &out);
  CHECK_EQUAL(halo_read_u64(&in), 2);
  halo_writer_reset(&arguments);
  halo_write_u64(&arguments, 1);
  halo_write_string(&arguments, directory);
  halo_write_string(&arguments, "libsample.so"); /* a script here: what it may lead to */
  in = ask("halo_find_libraries", &arguments, &out);
  CHECK_EQUAL(halo_read_u64(&in), 2);
  halo_writer_reset(&arguments);
  halo_write_u64(&arguments, 1);
  halo_write_string(&arguments, directory);
  halo_write_string(&arguments, "libsample.so.1");
  in = ask("halo_find_libraries", &arguments, &out);
  CHECK_EQUAL(halo_read_u64(&in), 1);
  expect_library(&in, in_directory("libsample.so.1"), false);
  halo_writer_free(&arguments);
  halo_writer_free(&out);
}

/* Many files with the symbol: what is developed is told. */
static void test_many(void) {
  struct halo_writer arguments = {0}, out = {0};
  const char *const directories[] = {directory};
  CHECK(unlink(in_directory("libsample.so")) == 0);
  uint64_t stamp = halo_search_stamp(directories, 1);
  char name[32];
  for (int i = 0; i < 2 * HALO_LIBRARIES_FOUND; i++) {
    snprintf(name, sizeof name, "libmany.so.%d", i);
    put(name, sample, sample_bytes);
  }
  CHECK(halo_search_stamp(directories, 1) != stamp);
  for (int i = 0; i < 2 * HALO_LIBRARIES_FOUND; i++) { /* whichever place it has in the directory */
    snprintf(name, sizeof name, "libmany.so.%d", i);
    put("libmany.so", name, strlen(name)); /* a script */
    halo_writer_reset(&arguments);
    halo_write_u64(&arguments, 1);
    halo_write_string(&arguments, directory);
    halo_write_u64(&arguments, 1);
    halo_write_string(&arguments, "sample_data");
    struct halo_reader in = ask("halo_find_symbols", &arguments, &out);
    halo_read_u64(&in);
    CHECK_EQUAL(halo_read_u64(&in), 1);
    CHECK_EQUAL(halo_read_u64(&in), HALO_LIBRARIES_FOUND);
    size_t developed = 0;
    for (int told = 0; told < HALO_LIBRARIES_FOUND; told++) {
      halo_read_bytes(&in);
      developed += halo_read_u8(&in);
    }
    CHECK_EQUAL(developed, 1);
  }
  unlink(in_directory("libmany.so"));
  for (int i = 0; i < 2 * HALO_LIBRARIES_FOUND; i++) {
    snprintf(name, sizeof name, "libmany.so.%d", i);
    unlink(in_directory(name));
  }
  halo_writer_free(&arguments);
  halo_writer_free(&out);
}

/* The loader's own: libc is there, by name and by symbol. */
static void test_system(void) {
  struct halo_writer arguments = {0}, out = {0};
  halo_write_u64(&arguments, 0);
  halo_write_string(&arguments, "libc.so.6");
  struct halo_reader in = ask("halo_find_libraries", &arguments, &out);
  CHECK_EQUAL(halo_read_u64(&in), 1);
  char path[256] = {0};
  struct halo_view told = halo_read_bytes(&in);
  CHECK(told.bytes < sizeof path);
  memcpy(path, told.data, told.bytes);
  CHECK(defines(path, "fprintf"));
  CHECK(!defines(path, "fpritnf"));
  halo_writer_free(&arguments);
  halo_writer_free(&out);
}

static void test_malformed_requests(void) {
  size_t count;
  const struct halo_service *services = halo_libraries_services(&count);
  struct halo_writer arguments = {0}, out = {0};
  halo_write_u64(&arguments, 1);
  halo_write_string(&arguments, "/tmp");
  halo_write_u64(&arguments, 1);
  halo_write_string(&arguments, "name");
  for (size_t i = 0; i < count; i++)
    for (size_t bytes = 0; bytes < arguments.bytes - 8; bytes++) {
      struct halo_call call = {.in = halo_reader_over(arguments.data, bytes), .out = &out};
      services[i].run(&call);
      halo_writer_reset(&out);
    }
  halo_writer_free(&arguments);
  halo_writer_free(&out);
}

static void tear_down(void) {
  static const char *const names[] = {"libsample.so.1", "libsample.so.2", "libsample.so", "libtext.so",
                                      "libpipe.so"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    unlink(in_directory(names[i]));
  rmdir(in_directory("libmap.so"));
  rmdir(directory);
  free(sample);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  unsetenv("LD_LIBRARY_PATH");
  RUN(set_up(argv[1]));
  RUN(test_symbols());
  RUN(test_same_hash());
  RUN(test_changed_bytes());
  RUN(test_changed_words());
  RUN(test_cut_files());
  RUN(test_endless_chains());
  RUN(test_names());
  CHECK(mkdtemp(directory));
  RUN(test_search());
  RUN(test_many());
  RUN(test_system());
  RUN(test_malformed_requests());
  tear_down();
  return 0;
}
