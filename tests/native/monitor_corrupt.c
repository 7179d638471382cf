/* A note, table and bitcode that lie: the monitor leaves such an image alone or reports what is
 * there, and the program runs. The executable's note is written by hand instead of halo-image.o:
 * its bitcode range is no bitcode, its table leads everywhere.
 */
#include "monitor_controller.h"
#include "monitor_patchable.h"

PATCHABLE(plain_entry, PLAIN, 1);
static uint64_t (*volatile call_plain)(uint64_t) = plain_entry;

__asm__(".section .note.halo, \"a\", %note\n.balign 4\n.long 5, 20, 1\n.asciz \"Halo\"\n"
        ".balign 4\n.long 1\n"
        ".long bitcode_begin - ., bitcode_end - .\n"
        ".long symbols_begin - ., symbols_end - .\n"
        /* a second note, cut short, and a third with lengths beyond the section */
        ".long 5, 4, 1\n.asciz \"Halo\"\n.balign 4\n.long 1\n"
        ".long 0x7fffffff, 0xffffffff, 1\n.text\n");
__asm__(".section false_bitcode, \"a\"\n.balign 8\nbitcode_begin:\n.ascii \"HALOBC\\r\\n\"\n"
        ".long 1, 0, 22, 1\n.quad 0xffffffffffffff00, 20\n.long 0xfffffff0, 0\n.quad 1, 2\n"
        "bitcode_end:\n.text\n");
__asm__(".section false_symbols, \"a\"\n.balign 8\nsymbols_begin:\n"
        ".quad 1\n.long (1 << 28)\n.long 0x7fffffff\n"
        ".quad 1\n.long (2 << 28) | 1\n.long -0x70000000\n"
        ".quad 1\n.long (3 << 28) | 2\n.long 0x7fffffff\n"
        ".quad 1\n.long (9 << 28) | 3\n.long 0\n"
        "symbols_end:\n.text\n");

int main(int argc, char **argv) {
  (void)argc;
  controller_begin(argv);
  struct controller controller;
  controller_accept(&controller);
  struct halo_reader in = controller_expect(&controller, "halo_images", NULL);
  halo_read_u64(&in);
  CHECK_EQUAL(halo_read_u64(&in), 1);
  uint64_t id = halo_read_u64(&in);
  halo_read_bytes(&in);
  halo_read_bytes(&in);
  for (int i = 0; i < 4; i++)
    halo_read_u64(&in);
  CHECK_EQUAL(halo_read_u64(&in), 64); /* bitcode bytes: what is there, for the controller to judge */
  CHECK_EQUAL(halo_read_u64(&in), 4);
  halo_read_u8(&in);
  CHECK_EQUAL(halo_read_bytes(&in).bytes, 0); /* no frame is whole */
  struct halo_writer out = {0};
  halo_write_u64(&out, id);
  in = controller_expect(&controller, "halo_symbols", &out);
  struct halo_view table = halo_read_bytes(&in);
  CHECK_EQUAL(table.bytes, 4 * sizeof(struct halo_resolved));
  struct halo_resolved found[4];
  memcpy(found, table.data, sizeof found);
  CHECK_EQUAL(found[0].address, 0);
  CHECK_EQUAL(found[1].address, 0);
  CHECK_EQUAL(found[2].flags, 0);
  CHECK_EQUAL(found[3].address, 0);

  /* Entries whose bytes are almost right. */
  CHECK_EQUAL(controller_patch(&controller, (uintptr_t)main, 0), HALO_E_NOT_PATCHABLE);
  CHECK_EQUAL(controller_patch(&controller, (uintptr_t)plain_entry, 0), 0);
  CHECK_EQUAL(call_plain(0), 1);
  return 0;
}
