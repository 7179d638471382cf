/* image.h: what -fhalo puts into an executable or shared library.
 *
 * The contract between the pass plugin (which writes it), the link-time object image.c (which
 * finds it), the monitor (which reads it in its own process) and the controller (which reads the
 * bitcode). Everything is little-endian and position independent; nothing here needs a run-time
 * relocation except the GOT slots that entries of kind HALO_SYMBOL_GOT point to.
 *
 * A patchable function, before and after arming (x86-64; entry is 16-byte aligned):
 *
 *     entry-16   CC CC CC CC CC CC CC CC CC CC CC CC CC CC CC CC     prefix data
 *     entry      85 EE                        test %ebp,%esi         prologue data
 *     entry+2    55 48 89 E5 ...              the body
 *
 *     entry-16   FF 25 d d d d CC ...         jmp *slot(%rip)
 *     entry      EB EE                        jmp entry-16
 *     slot       (data page near the image)   address of a variant, or entry+2 for the original
 *
 * Under -fcf-protection the prologue data is F3 0F 1E FA 85 EA (endbr64 first): the armed byte is
 * then at entry+4, the original body at entry+6.
 */
#ifndef HALO_IMAGE_H
#define HALO_IMAGE_H

#include <stdint.h>

/* Section `halo_bitcode`: one frame per translation unit, concatenated by the linker. Frames start
 * at multiples of 8; zero bytes between frames are padding. */
#define HALO_BITCODE_SECTION "halo_bitcode"
#define HALO_BITCODE_MAGIC "HALOBC\r\n" /* 8 bytes, no terminator */
#define HALO_BITCODE_FORMAT 1u
#define HALO_DIGEST_BYTES 16

enum halo_compression { HALO_COMPRESSION_NONE = 0, HALO_COMPRESSION_ZSTD = 1 };

struct halo_bitcode_frame {
  char magic[8];
  uint32_t format;                   /* HALO_BITCODE_FORMAT */
  uint32_t compression;              /* enum halo_compression */
  uint32_t llvm_major, llvm_minor;   /* of the LLVM that wrote the bitcode */
  uint64_t stored_bytes;             /* payload as stored, after the options */
  uint64_t raw_bytes;                /* payload when decompressed */
  uint32_t options_bytes;            /* UTF-8 "key=value\n" lines, directly after this header */
  uint32_t reserved;                 /* 0 */
  uint8_t digest[HALO_DIGEST_BYTES]; /* first 16 bytes of the SHA-256 of the raw bitcode; the
                                        first 8, as a little-endian number, are the module id */
};
/* Options: "cpu" and "features" (the function attributes target-cpu and target-features that most
 * of the module's functions have: what the ahead-of-time code was compiled for), "opt-level" (0 to
 * 3, s, z). Others are ignored. */

/* Section `halo_symbols`: where this image has the things that the bitcode names.
 * An ordinal counts a module's global variables, then functions, then aliases, then ifuncs, in
 * the order in which they stand in the embedded bitcode. */
#define HALO_SYMBOLS_SECTION "halo_symbols"

enum halo_symbol_kind {
  HALO_SYMBOL_DEFINITION = 0, /* `where` -> the variable, constant or function itself */
  HALO_SYMBOL_PATCHABLE = 1,  /* `where` -> entry of a patchable function */
  HALO_SYMBOL_GOT = 2,        /* `where` -> a GOT slot that holds the address as the program binds it */
  HALO_SYMBOL_TLS = 3,        /* `where` -> void *(*)(void): address of the variable for this thread */
};

#define HALO_SYMBOL_KIND_SHIFT 28
#define HALO_SYMBOL_ORDINAL_MASK ((1u << HALO_SYMBOL_KIND_SHIFT) - 1)

struct halo_symbol {
  uint64_t module;       /* first 8 bytes of the module's digest, as a little-endian number */
  uint32_t kind_ordinal; /* kind << 28 | ordinal */
  int32_t where;         /* relative to the address of this field */
};

/* ELF note by which an image is found through dl_iterate_phdr. The four offsets are relative to
 * the address of the field itself; an empty section has begin == end. */
#define HALO_NOTE_NAME "Halo"
#define HALO_NOTE_TYPE 1u

struct halo_note_desc {
  uint32_t format; /* HALO_BITCODE_FORMAT */
  int32_t bitcode_begin, bitcode_end;
  int32_t symbols_begin, symbols_end;
};

/* Patchable entries: sizes and bytes. */
#define HALO_PREFIX_BYTES 16
#define HALO_PREFIX_FILL 0xCC
#define HALO_ENTRY_OPCODE 0x85           /* test, before arming */
#define HALO_ENTRY_ARMED 0xEB            /* short jmp, after arming */
#define HALO_ENTRY_DISPLACEMENT 0xEE     /* to entry-16 from entry+2 */
#define HALO_ENTRY_DISPLACEMENT_CET 0xEA /* to entry-16 from entry+6 */

#endif
