/* image.c: halo-image.o, linked into every executable and shared library built with -fhalo.
 *
 * In: the sections halo_bitcode and halo_symbols that the plugin wrote into the objects of the same
 * link. Out: the ELF note of image.h by which the monitor finds them. No code, no relocation that
 * is left for run time: every field is relative to its own address, so the note is the same in
 * executables, PIE, static and shared images. An image may have no tunable module at all: this
 * object's own pieces of the two sections, both empty, let the linker define their bounds.
 */
__asm__(".section .note.halo, \"a\", %note\n"
        "  .balign 4\n"
        "  .long 5, 20, 1\n" /* name bytes, descriptor bytes, HALO_NOTE_TYPE */
        "  .asciz \"Halo\"\n"
        "  .balign 4\n"
        "  .long 1\n" /* HALO_BITCODE_FORMAT */
        "  .hidden __start_halo_bitcode, __stop_halo_bitcode\n"
        "  .hidden __start_halo_symbols, __stop_halo_symbols\n"
        "  .long __start_halo_bitcode - .\n"
        "  .long __stop_halo_bitcode - .\n"
        "  .long __start_halo_symbols - .\n"
        "  .long __stop_halo_symbols - .\n"
        ".section halo_bitcode, \"aR\", %progbits\n"
        "  .balign 8\n"
        ".section halo_symbols, \"aR\", %progbits\n"
        "  .balign 8\n"
        ".text\n");
