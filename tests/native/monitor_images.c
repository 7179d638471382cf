/* What the monitor says of a process: description, images, bitcode, symbols, builtins; and that it
 * cannot be seen by the program. */
#include "monitor_controller.h"
#include "monitor_patchable.h"

#include <dirent.h>
#include <math.h>

PATCHABLE(plain_entry, PLAIN, 1);
int shared_counter = 41;
__thread int own_counter = 7;
static void *own_counter_address(void) { return &own_counter; }
__attribute__((used)) void *(*const keep_accessor)(void) = own_counter_address;

BITCODE;
SYMBOL(1, 5, "plain_entry");
SYMBOL(0, 6, "shared_counter");
SYMBOL(2, 7, "got_of_malloc");
SYMBOL(3, 8, "own_counter_address");
__asm__(".section .data.rel.ro, \"aw\"\n.balign 8\ngot_of_malloc: .quad malloc\n.text\n");

struct image {
  uint64_t id, base, text_low, text_high, arena, bitcode_bytes, symbols;
  uint8_t is_executable, digests[16];
};

static struct image read_image(struct controller *controller) {
  struct image image;
  struct halo_reader in = controller_expect(controller, "halo_images", NULL);
  halo_read_u64(&in);
  CHECK_EQUAL(halo_read_u64(&in), 1);
  image.id = halo_read_u64(&in);
  struct halo_view path = halo_read_bytes(&in);
  char own[512];
  ssize_t own_bytes = readlink("/proc/self/exe", own, sizeof own);
  CHECK(path.bytes == (size_t)own_bytes && !memcmp(path.data, own, path.bytes));
  halo_read_bytes(&in); /* build id */
  image.base = halo_read_u64(&in);
  image.text_low = halo_read_u64(&in);
  image.text_high = halo_read_u64(&in);
  image.arena = halo_read_u64(&in);
  image.bitcode_bytes = halo_read_u64(&in);
  image.symbols = halo_read_u64(&in);
  image.is_executable = halo_read_u8(&in);
  struct halo_view digests = halo_read_bytes(&in);
  CHECK_EQUAL(digests.bytes, 16);
  memcpy(image.digests, digests.data, 16);
  CHECK(!in.is_bad);
  return image;
}

static void check_description(struct controller *controller) {
  struct halo_reader in = controller_expect(controller, "halo_describe", NULL);
  CHECK_EQUAL(halo_read_u32(&in), HALO_PROTOCOL_VERSION);
  CHECK_EQUAL(halo_read_u32(&in), getpid());
  uint64_t main_ns = halo_read_u64(&in), now_ns = halo_read_u64(&in);
  CHECK(main_ns > 0 && main_ns < now_ns && now_ns - main_ns < 20000000000u);
  CHECK(halo_read_u64(&in) != 0);
  CHECK(halo_read_bytes(&in).bytes > 1);
  CHECK(halo_read_bytes(&in).bytes > 0);
  uint64_t anchor = halo_read_u64(&in);
  CHECK(anchor <= (uint64_t)(uintptr_t)plain_entry);
  CHECK(!in.is_bad);
}

static struct halo_view read_bitcode(struct controller *controller, uint64_t image, uint64_t offset,
                                     uint64_t bytes) {
  struct halo_writer out = {0};
  halo_write_u64(&out, image);
  halo_write_u64(&out, offset);
  halo_write_u64(&out, bytes);
  struct halo_reader in = controller_expect(controller, "halo_bitcode", &out);
  halo_writer_free(&out);
  return halo_read_bytes(&in);
}

static void check_bitcode(struct controller *controller, const struct image *image) {
  CHECK(image->bitcode_bytes >= 88 && image->bitcode_bytes % 8 == 0);
  struct halo_view all = read_bitcode(controller, image->id, 0, 1 << 20);
  CHECK_EQUAL(all.bytes, image->bitcode_bytes);
  CHECK(!memcmp(all.data, "HALOBC\r\n", 8));
  CHECK(!memcmp(all.data + 48, image->digests, 16));
  CHECK_EQUAL(read_bitcode(controller, image->id, 8, 4).data[0], 1);
  CHECK_EQUAL(read_bitcode(controller, image->id, image->bitcode_bytes, 4).bytes, 0);
}

static void check_symbols(struct controller *controller, const struct image *image) {
  struct halo_writer out = {0};
  halo_write_u64(&out, image->id);
  struct halo_reader in = controller_expect(controller, "halo_symbols", &out);
  halo_writer_free(&out);
  struct halo_view table = halo_read_bytes(&in);
  CHECK_EQUAL(table.bytes, 4 * sizeof(struct halo_resolved));
  CHECK_EQUAL(image->symbols, 4);
  struct halo_resolved found[4];
  memcpy(found, table.data, sizeof found);
  for (int i = 0; i < 4; i++) {
    CHECK(found[i].module == MODULE_ID);
    CHECK_EQUAL(found[i].kind_ordinal & 0xfffffff, 5 + i);
  }
  CHECK_EQUAL(found[0].address, (uintptr_t)plain_entry);
  CHECK_EQUAL(found[1].address, (uintptr_t)&shared_counter);
  CHECK_EQUAL(found[2].address, (uintptr_t)malloc);
  CHECK_EQUAL(found[3].flags, HALO_RESOLVED_STATIC_TLS);
  CHECK_EQUAL(found[3].address, (char *)&own_counter - (char *)__builtin_thread_pointer());
}

static volatile double angle = 1.5; /* so that libm is called, and linked */

static void check_builtins(struct controller *controller) {
  static const char *const names[] = {"memcpy", "sin", "no_such_function", "puts", "strlen"};
  struct halo_writer out = {0};
  halo_write_u64(&out, 5);
  for (int i = 0; i < 5; i++)
    halo_write_string(&out, names[i]);
  struct halo_reader in = controller_expect(controller, "halo_builtins", &out);
  halo_writer_free(&out);
  CHECK_EQUAL(halo_read_u64(&in), 5);
  void *(*copy)(void *, const void *, size_t) = (void *(*)(void *, const void *, size_t))halo_read_u64(&in);
  char to[4] = "";
  copy(to, "abc", 4);
  CHECK(!strcmp(to, "abc"));
  double (*sine)(double) = (double (*)(double))halo_read_u64(&in);
  CHECK(sine && sine(angle) == sin(angle));
  CHECK_EQUAL(halo_read_u64(&in), 0);
  CHECK(halo_read_u64(&in) != 0);
  size_t (*length)(const char *) = (size_t (*)(const char *))halo_read_u64(&in);
  CHECK(length && length("four") == 4);
}

static void check_errors(struct controller *controller) {
  struct halo_writer out = {0};
  halo_write_u64(&out, 999);
  struct halo_reader in = controller_call(controller, "halo_symbols", &out);
  CHECK_EQUAL(halo_read_u8(&in), 0);
  CHECK(halo_read_bytes(&in).bytes > 0);
  halo_writer_free(&out);
  in = controller_call(controller, "halo_symbols", NULL); /* no argument at all */
  CHECK(in.at == in.end);
}

static int count_descriptors(void) {
  int count = 0;
  DIR *directory = opendir("/proc/self/fd");
  while (readdir(directory))
    count++;
  closedir(directory);
  return count - 3; /* . .. and the directory itself */
}

int main(int argc, char **argv) {
  (void)argc;
  int before = count_descriptors();
  controller_begin(argv);
  struct controller controller;
  controller_accept(&controller);
  CHECK_EQUAL(count_descriptors(), before + 2); /* the listener and the connection: our own */
  RUN(check_description(&controller));
  struct image image = read_image(&controller);
  CHECK_EQUAL(image.is_executable, 1);
  CHECK(image.text_low <= (uintptr_t)plain_entry && (uintptr_t)plain_entry < image.text_high);
  RUN(check_bitcode(&controller, &image));
  RUN(check_symbols(&controller, &image));
  RUN(check_builtins(&controller));
  RUN(check_errors(&controller));
  return 0;
}
