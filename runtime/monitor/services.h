/* services.h: the wire adapters of protocol.h: decode, call the mechanism, encode.
 *
 * Monitor thread only. Every result is an SPSExpected: u8 1 and the value, or u8 0 and a reason.
 */
#ifndef HALO_MONITOR_SERVICES_H
#define HALO_MONITOR_SERVICES_H

#include "halo/session.h"

const struct halo_service *halo_describe_services(size_t *count); /* what the process is */
const struct halo_service *halo_tune_services(size_t *count);     /* what is done to it */

/* Replaces the result written so far by an error. Returns 0, for `return halo_refuse(...)`. */
static inline int halo_refuse(struct halo_call *call, const char *reason) {
  halo_writer_reset(call->out);
  halo_write_u8(call->out, 0);
  halo_write_string(call->out, reason);
  return 0;
}

#endif
