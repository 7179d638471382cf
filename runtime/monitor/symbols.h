/* symbols.h: an image's `halo_symbols` table with every address filled in.
 *
 * Monitor thread. The table and the GOT slots it names are read as data (peek.h); an entry that
 * leads nowhere resolves to address 0, which the controller takes as "not available".
 */
#ifndef HALO_MONITOR_SYMBOLS_H
#define HALO_MONITOR_SYMBOLS_H

#include "images.h"

/* Appends struct halo_resolved per entry. 0, or HALO_E_GONE when the image's memory is not there. */
int halo_symbols_resolve(const struct halo_image *image, struct halo_writer *out);

#endif
