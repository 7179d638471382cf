/* executor/guests.h: who has connected to a process that listens and may be its controller.
 *
 * Everybody is told at once what is offered here. The first who calls any of it is the controller; who
 * sends something else, or hangs up, is dropped. Nobody is waited for: a guest that is silent stays
 * until others need its place. One thread.
 */
#ifndef HALO_EXECUTOR_GUESTS_H
#define HALO_EXECUTOR_GUESTS_H

#include "halo/session.h"

/* The session of the first controller, the caller's; the other guests are hung up on. `peer`: a
 * connection that has been accepted before, taken over; or -1. */
struct halo_session *halo_guests_meet(int listener, int peer, const struct halo_session_options *options);

#endif
