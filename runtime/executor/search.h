/* executor/search.h: the shared libraries that the loader can find, in its order.
 *
 * First the given directories, then those of LD_LIBRARY_PATH, then what /etc/ld.so.cache lists; where
 * that cannot be read, the usual directories. Only files that are called lib*.so*; a file may come under
 * several names. Uses malloc; any thread.
 */
#ifndef HALO_EXECUTOR_SEARCH_H
#define HALO_EXECUTOR_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called for each: its path, and the file's name, which is the end of that. */
typedef void halo_search_see(void *context, const char *path, const char *name);

void halo_search_libraries(const char *const *directories, size_t count, halo_search_see *see, void *context);

/* Another number once libraries have come, gone or changed in any of these places. */
uint64_t halo_search_stamp(const char *const *directories, size_t count);

/* The length of X in libX.so, libX.so.1; 0: it is no name of a library. */
size_t halo_search_stem(const char *name);

/* Whether -lX leads to the library: libX.so beside it is the same file, or a linker script that names
 * it. That is how a library looks whose headers are installed, too. */
bool halo_search_is_developed(const char *path, const char *name);

/* Whether there is a libX.a in the given directories or the usual ones. */
bool halo_search_has_archive(const char *const *directories, size_t count, const char *stem,
                             size_t stem_bytes);

#endif
