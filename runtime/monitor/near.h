/* near.h: slots and thunks within reach of an image's code.
 *
 * Monitor thread only. Taken from the image's arena and never given back: a thread may stand
 * before the jump for as long as it likes.
 */
#ifndef HALO_MONITOR_NEAR_H
#define HALO_MONITOR_NEAR_H

#include "images.h"

/* A zeroed 8-byte word in a private data page, or 0. */
uint64_t halo_near_word(struct halo_image *image);
/* Room for one thunk in an executable page (written by halo_code_write), or 0. */
uint64_t halo_near_thunk(struct halo_image *image);

#endif
