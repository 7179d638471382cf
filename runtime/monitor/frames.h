/* frames.h: from an address in code to the function that holds it.
 *
 * In: each module's .eh_frame_hdr (the sorted table by which unwinders search) and the ranges of
 * linked code. Out: the function's first address. Answers are cached; a cache slot is 16 bytes.
 * Monitor thread only.
 */
#ifndef HALO_MONITOR_FRAMES_H
#define HALO_MONITOR_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

/* Where a stack's frames go to be counted: whose they are. */
struct halo_frame {
  uint64_t start;  /* of the function; the address itself where that is not known */
  bool is_tunable; /* in a Halo image or in linked code */
};

struct halo_frame halo_frames_find(uint64_t address);
/* Reads the modules anew if they changed. */
void halo_frames_refresh(void);
/* Linked code: addresses in the range belong to its start. */
void halo_frames_announce(uint64_t address, uint64_t bytes);

#endif
