/* builtins.c: the fixed table.
 *
 * The compiler's own library is referenced weakly and hidden: what the program's code already
 * needed is there, and nothing else is dragged in or looked up at start.
 */
#include "builtins.h"

#include <stdint.h>
#include <string.h>

#define COMPILER_LIBRARY(each)                                                                               \
  each(__udivti3) each(__umodti3) each(__divti3) each(__modti3) each(__multi3) each(__ashlti3)               \
      each(__ashrti3) each(__lshrti3) each(__muloti4) each(__mulodi4) each(__udivmodti4) each(__divmodti4)   \
          each(__powisf2) each(__powidf2) each(__powixf2) each(__mulsc3) each(__muldc3) each(__mulxc3)       \
              each(__divsc3) each(__divdc3) each(__divxc3) each(__fixsfti) each(__fixdfti) each(__fixxfti)   \
                  each(__fixunssfti) each(__fixunsdfti) each(__fixunsxfti) each(__floattisf)                 \
                      each(__floattidf) each(__floattixf) each(__floatuntisf) each(__floatuntidf)            \
                          each(__floatuntixf) each(__popcountdi2) each(__popcountti2) each(__clzti2)         \
                              each(__ctzti2) each(__parityti2) each(__addtf3) each(__subtf3) each(__multf3)  \
                                  each(__divtf3) each(__negtf2) each(__eqtf2) each(__netf2) each(__lttf2)    \
                                      each(__letf2) each(__gttf2) each(__getf2) each(__unordtf2)             \
                                          each(__extendsftf2) each(__extenddftf2) each(__extendxftf2)        \
                                              each(__trunctfsf2) each(__trunctfdf2) each(__trunctfxf2)       \
                                                  each(__fixtfsi) each(__fixtfdi) each(__fixunstfsi)         \
                                                      each(__fixunstfdi) each(__floatsitf) each(__floatditf) \
                                                          each(__floatunsitf) each(__floatunditf)            \
                                                              each(__truncsfhf2) each(__truncdfhf2)          \
                                                                  each(__extendhfsf2) each(__extendhfdf2)    \
                                                                      each(__truncsfbf2) each(__truncdfbf2)

/* As data under other names: compilers know some of them as functions. */
#define DECLARE(name)                                                                                        \
  extern char halo_library_##name[] __asm__(#name) __attribute__((weak, visibility("hidden")));
COMPILER_LIBRARY(DECLARE)

struct builtin {
  const char *name;
  uintptr_t address;
};

#define LIBRARY_ENTRY(name) {#name, (uintptr_t)halo_library_##name},

uint64_t halo_builtins_find(const char *name, size_t bytes) {
  const struct builtin table[] = {{"memcpy", (uintptr_t)memcpy},  {"memmove", (uintptr_t)memmove},
                                  {"memset", (uintptr_t)memset},  {"memcmp", (uintptr_t)memcmp},
                                  {"bcmp", (uintptr_t)memcmp},    {"strlen", (uintptr_t)strlen},
                                  COMPILER_LIBRARY(LIBRARY_ENTRY)};
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
    if (strlen(table[i].name) == bytes && !memcmp(table[i].name, name, bytes) && table[i].address)
      return table[i].address;
  return halo_exports_find(name, bytes);
}
