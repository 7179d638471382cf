/* executor/pack.h: memory of a session whose inputs are never unlinked: code beside code, constants
 * beside constants, data beside data, so that thousands of inputs need three mappings.
 *
 * "halo_pack_reserve": SPS (u64 bytes) -> Expected<u64 address>. Three areas of so many bytes, one
 *   after the other: code, constants, data. They cost what is written of them. Once only.
 * "halo_pack_write": SPS ([segment], [action pair]) -> Error. segment: u64 address, u64 bytes, content;
 *   what the content leaves of the bytes becomes zero. The caller says where things go and never uses
 *   a place of code or constants twice. Then the first half of each pair is run; the second is not kept.
 */
#ifndef HALO_EXECUTOR_PACK_H
#define HALO_EXECUTOR_PACK_H

#include "halo/session.h"

const struct halo_service *halo_pack_services(size_t *count);

#endif
