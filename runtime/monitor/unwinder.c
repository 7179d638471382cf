/* unwinder.c: libgcc_s's registration functions, by its symbol table: dlsym and dlopen take locks
 * and need libc's thread block.
 */
#include "unwinder.h"

#include "builtins.h"
#include "halo/exec.h"
#include "images.h"

#include <string.h>

static uint64_t find(const char *name) { return halo_exports_find(name, strlen(name)); }

void halo_unwinder_begin(void) {
  halo_unwind_adopt((void *)(uintptr_t)find("__register_frame_info"),
                    (void *)(uintptr_t)find("__deregister_frame_info"));
}

void halo_unwinder_refresh(void) {
  static uint64_t generation;
  if (generation != halo_images_generation())
    halo_unwinder_begin();
  generation = halo_images_generation();
}
