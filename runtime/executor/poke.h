/* executor/poke.h: writes into linked code and constants. */
#ifndef HALO_EXECUTOR_POKE_H
#define HALO_EXECUTOR_POKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The pages keep their protection, so other threads may run there; where the kernel refuses that,
 * they have `protection` again after a moment in which they are writable. False: errno says why. */
bool halo_poke(uint64_t at, const void *bytes, size_t count, int protection);

#endif
