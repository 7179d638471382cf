/* images.h: the Halo images of this process: what the plugin left in them, and their own state.
 *
 * In: modules.h and the note of halo/image.h. Out: images with an id, a code arena and their symbol
 * table resolved. An image keeps its slot in the table until it is unloaded; addresses inside are
 * never followed without peek.h. Constructor, then monitor thread.
 */
#ifndef HALO_MONITOR_IMAGES_H
#define HALO_MONITOR_IMAGES_H

#include "halo/exec.h"
#include "modules.h"

#define HALO_IMAGE_LIMIT 64

/* A thread-local variable found at start: entry `index` of the table is at thread pointer+offset. */
struct halo_static_tls {
  uint64_t index;
  int64_t offset;
};

struct halo_image {
  uint64_t id; /* never used twice; 0: free */
  struct halo_module module;
  uint64_t bitcode, bitcode_bytes;
  uint64_t symbols, symbol_count;
  char path[512];
  struct halo_arena arena;
  struct halo_static_tls *tls;
  uint64_t tls_count;
  uint64_t seen_ns;            /* when a scan first met it; 0: there from the start */
  uint64_t slots, slots_end;   /* rest of the current pages of slots, see near.h */
  uint64_t thunks, thunks_end; /* rest of the current pages of thunks */
};

/* The first scan, on the program's first thread before main: also asks thread-local accessors. */
void halo_images_begin(void);
/* Looks for images that came or went; cheap when none did. */
void halo_images_refresh(void);
/* Changes whenever an image, or any other module, comes or goes. */
uint64_t halo_images_generation(void);
/* The images in use, in no order: `index` counts up until null. */
struct halo_image *halo_images_at(size_t index);
struct halo_image *halo_images_by_id(uint64_t id);
/* The image whose mapped range has the address, or null. */
struct halo_image *halo_images_containing(uint64_t address);
const char *halo_images_path(struct halo_image *image);
/* Called with each image that went away, before its slot is free. */
void halo_images_on_gone(void (*gone)(struct halo_image *image));

#endif
