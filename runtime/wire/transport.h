/* wire/transport.h: bytes over a pair of descriptors that never blocks for ever.
 *
 * Sockets are used with MSG_DONTWAIT and MSG_NOSIGNAL, so their flags stay as they are; pipes are
 * made non-blocking and SIGPIPE is kept from the program. No libc state.
 */
#ifndef HALO_WIRE_TRANSPORT_H
#define HALO_WIRE_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct halo_transport {
  int in, out;
  bool is_in_socket, is_out_socket;
};

/* 0 or -errno; the descriptors stay the caller's on failure. */
int halo_transport_open(struct halo_transport *transport, int in, int out);
void halo_transport_close(struct halo_transport *transport);
/* Bytes read, 0 at end of file, -EAGAIN when there is nothing, -errno. */
long halo_transport_read(struct halo_transport *transport, void *to, size_t bytes);
/* Sends both pieces as one; 0 or -errno (-ETIMEDOUT: no progress for stall_ns). After a failure
 * the stream may have been cut inside a frame. */
int halo_transport_send(struct halo_transport *transport, const void *head, size_t head_bytes,
                        const void *body, size_t body_bytes, uint64_t stall_ns);
/* 1: readable (or wake_fd is), 0: time is up, -errno. wake_fd -1: none; transport
 * null: wake_fd only. */
int halo_transport_wait(struct halo_transport *transport, int wake_fd, int64_t timeout_ns);

#endif
