/* entries.h: the patched entries: which function goes where.
 *
 * In: entry addresses. Out: armed entries whose slot can be switched by one store. Monitor thread,
 * except halo_entries_after_fork, which the forking thread calls in the child: every step leaves
 * the table fit for a fork in the middle.
 *
 * slot    -> counting: the thunk;  else the target
 * target  the incumbent: a variant, or the original's body
 */
#ifndef HALO_MONITOR_ENTRIES_H
#define HALO_MONITOR_ENTRIES_H

#include "images.h"

struct halo_entry {
  uint64_t entry; /* 0: free, 1: was removed */
  uint64_t body;  /* the original, past the armed bytes */
  uint64_t slot;  /* address of the 8-byte word */
  uint64_t target;
  uint64_t counter, next, thunk; /* two words and the thunk; 0: never counted */
  uint64_t count_base;           /* the counter's value when counting began */
  uint64_t image;                /* id */
  bool is_counting;
};

/* Arms all that are not armed (one membarrier for the batch). statuses[i]: 0 or halo_status. */
void halo_entries_arm(const uint64_t *entries, size_t count, int32_t *statuses);
/* The armed entry at this address, or null. */
struct halo_entry *halo_entries_find(uint64_t entry);
/* Makes `target` (0: the original) the incumbent and ends counting. */
void halo_entries_point(struct halo_entry *entry, uint64_t target);
/* Calls go through a thunk that counts them, on to the incumbent. 0 or halo_status. */
int halo_entries_count(struct halo_entry *entry);
/* Since halo_entries_count; 0 if that was never called. */
uint64_t halo_entries_calls(const struct halo_entry *entry);
void halo_entries_stop_counting(void);
/* Every slot back to its original; the number that were elsewhere. */
uint64_t halo_entries_retire_all(void);
void halo_entries_forget_image(struct halo_image *image);
void halo_entries_after_fork(void);

#endif
