/* unwinder.c: finds the unwinder by the modules' symbol tables and takes its lock once, at start.
 *
 * Each image that is there at start gets address space of its own for its variants, whose tables
 * nobody else's can hide. Its size is a compromise with programs that lock their memory: mlockall
 * counts it.
 */
#include "unwinder.h"

#include "builtins.h"
#include "halo/exec.h"
#include "halo/sys.h"
#include "images.h"
#include "log.h"

#include <string.h>

#define HOME_BYTES (16ull << 20)

static void *find(const char *name) { return (void *)(uintptr_t)halo_exports_find(name, strlen(name)); }

static bool is_indexed, has_unwinder;

/* Address space is counted where it is limited. */
static bool has_room(void) {
  struct rlimit limit = {0, 0};
  return halo_sys_getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
}

void halo_unwinder_begin(void) {
  void *add = find("__register_frame_info"); /* most C programs have none: no need to look on */
  has_unwinder = halo_unwind_begin(add, add ? find("__deregister_frame_info") : NULL,
                                   add ? find("_Unwind_Find_FDE") : NULL) > 0;
  if (!has_unwinder)
    return;
  bool is_dynamic = true;
  struct halo_image *image;
  for (size_t i = 0; (image = halo_images_at(i)); i++) {
    is_dynamic &= image->module.dynamic != 0;
    if (has_room() && halo_arena_settle(&image->arena, HOME_BYTES))
      is_indexed |= halo_unwind_cover(image->arena.home_low, image->arena.home_high);
  }
  /* A static executable registers itself, after us and from its first address: that hides the rest. */
  if (is_dynamic)
    is_indexed |= halo_unwind_cover(0, UINT64_MAX);
}

void halo_unwinder_report(void) {
  if (is_indexed)
    halo_log(HALO_LOG_DEBUG, "unwind tables go into an index of our own");
  else if (has_unwinder)
    halo_log(HALO_LOG_INFO, "an unwinder of another kind: its lock is taken for each unwind table");
}

void halo_unwinder_refresh(void) {
  static uint64_t generation;
  if (generation != halo_images_generation() && halo_unwind_meet(find("__register_frame_info")))
    halo_log(HALO_LOG_INFO, "an unwinder was loaded after start: C++ code is left alone");
  generation = halo_images_generation();
}
