/* peer.h: who the monitor talks to: finding a server and making sure whose it is.
 *
 * Monitor thread only. A Unix socket's other end must be of the same user or root (SO_PEERCRED);
 * TCP goes to loopback only, and the socket at its other end must be of the same user or root
 * (/proc/net/tcp). Anything else is refused with one log line.
 */
#ifndef HALO_MONITOR_PEER_H
#define HALO_MONITOR_PEER_H

/* A connected non-blocking socket, or -1: nobody is there, or nobody to be trusted. */
int halo_peer_connect(void);

#endif
