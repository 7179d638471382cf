/* executor/redirect.h: the service that makes calls of one function calls of another.
 *
 * "halo_redirect": SPS (u64 from, u64 to) -> Error. Writes a jump over the beginning of `from`, which is
 * linked-in code, begins on a multiple of 16 and is not running; refused while user code has threads,
 * as one of them might be there.
 */
#ifndef HALO_EXECUTOR_REDIRECT_H
#define HALO_EXECUTOR_REDIRECT_H

#include "halo/session.h"

const struct halo_service *halo_redirect_services(size_t *count);

#endif
