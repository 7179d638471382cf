/* executor/link.h: how halo-executor gets its descriptors.
 *
 * Each function prints why and returns false when there is no connection. Only loopback addresses
 * are used, only peers of the same user or root are accepted: whoever talks to an executor runs
 * code in it.
 */
#ifndef HALO_EXECUTOR_LINK_H
#define HALO_EXECUTOR_LINK_H

#include <stdbool.h>

#define HALO_LINK_BUSY "this halo-executor has a session already; start another one"

struct halo_link {
  int in, out;
};

bool halo_link_descriptors(const char *pair, struct halo_link *link); /* IN,OUT */
bool halo_link_connect(const char *endpoint, struct halo_link *link); /* HOST:PORT */

/* A listening socket at HOST:PORT, which never blocks, said on standard error; -1 after a complaint. */
int halo_link_listen(const char *endpoint);
/* The next connection by a trusted peer. -1: there is none now; whom it refuses it complains of. */
int halo_link_accept(int listener);

/* The user who owns the other end of a loopback TCP connection; false when it cannot be told. */
bool halo_peer_uid(int socket, unsigned *uid);

void halo_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
