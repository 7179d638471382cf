/* near.c: pages from the image's arena, handed out in order. */
#include "near.h"

#include "../arch/entry_x86_64.h"
#include "halo/sys.h"

#define CHUNK_BYTES 65536u

static uint64_t take(struct halo_image *image, uint64_t *at, uint64_t *end, uint64_t bytes, int protection) {
  if (*end - *at < bytes) {
    uint64_t chunk = halo_arena_reserve(&image->arena, CHUNK_BYTES);
    if (!chunk)
      return 0;
    if (halo_sys_mprotect((void *)(uintptr_t)chunk, CHUNK_BYTES, protection) != 0) {
      halo_arena_release(&image->arena, chunk);
      return 0;
    }
    *at = chunk;
    *end = chunk + CHUNK_BYTES;
  }
  uint64_t taken = *at;
  *at += bytes;
  return taken;
}

uint64_t halo_near_word(struct halo_image *image) {
  return take(image, &image->slots, &image->slots_end, 8, PROT_READ | PROT_WRITE);
}

uint64_t halo_near_thunk(struct halo_image *image) {
  return take(image, &image->thunks, &image->thunks_end, HALO_THUNK_BYTES, PROT_READ | PROT_EXEC);
}
