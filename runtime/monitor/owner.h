/* owner.h: whose socket is at the other end of a loopback connection. */
#ifndef HALO_MONITOR_OWNER_H
#define HALO_MONITOR_OWNER_H

#include <stdbool.h>

/* True if the kernel's socket table says that the other end of this very connection is held by the
 * same user or root. Waits a moment for the server to accept: before, the socket is nobody's. */
bool halo_owner_is_trusted(int fd);

#endif
