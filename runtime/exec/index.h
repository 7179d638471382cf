/* exec/index.h: unwind tables that come and go without the unwinder's lock.
 *
 * libgcc keeps registered tables in a list (up to 12) or a tree (from 13) behind a mutex. In a
 * program that libc takes to be single-threaded that mutex is plain loads and stores, so a thread
 * that libc does not know must never take it: both could hold it. Instead one object per area of
 * the address space is registered at start, on the program's own thread, and made to look as if
 * libgcc had sorted it already. From then on the sorted vector it points to is ours: a new one
 * replaces it by one store, and whoever searches sees the old or the new.
 */
#ifndef HALO_EXEC_INDEX_H
#define HALO_EXEC_INDEX_H

#include "frames.h"

typedef void halo_register_fn(const void *begin, void *object);
typedef void *halo_deregister_fn(const void *begin);
typedef const void *halo_find_fde_fn(void *pc, void *bases);

/* One copy of libgcc in the process. `find` may be null: then it has no index. */
struct halo_registry {
  halo_register_fn *add;
  halo_deregister_fn *remove;
  halo_find_fde_fn *find;
};

#define HALO_REGISTRIES 2

/* Takes the registries' locks, on a thread that libc knows. Makes an area of [low, high): memory
 * of ours, in which nobody else's code will ever lie; or of everything else, with low = 0 and high =
 * UINT64_MAX, at last. Tries the area out; when one registry does not answer as expected, nothing is left
 * in any and the result is false. The registries must be the same in every call. */
bool halo_index_cover(const struct halo_registry *registries, size_t count, uint64_t low, uint64_t high);
bool halo_index_exists(void); /* at least one area */

/* Any thread, one at a time; no locks. */
bool halo_index_add(struct halo_frames *frames, const char **why);
/* False: no memory; the entries stay in the index, and the copy must stay too. */
bool halo_index_remove(const struct halo_frames *frames);

#endif
