/* session_peer.h: the controller's side of a session, by hand: frames in and out of a socket.
 *
 * Reads and writes block; a case that waits in vain is ended by check.h.
 */
#ifndef HALO_TESTS_SESSION_PEER_H
#define HALO_TESTS_SESSION_PEER_H

#include "check.h"
#include "halo/protocol.h"
#include "halo/session.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

struct frame {
  uint64_t bytes, opcode, sequence, tag;
};
enum { SETUP, HANGUP, RESULT, CALL };

static inline void put(int fd, uint64_t opcode, uint64_t sequence, uint64_t tag, const void *data,
                       size_t bytes) {
  struct frame frame = {sizeof frame + bytes, opcode, sequence, tag};
  CHECK(write(fd, &frame, sizeof frame) == sizeof frame);
  CHECK(bytes == 0 || write(fd, data, bytes) == (ssize_t)bytes);
}

static inline void get_bytes(int fd, void *to, size_t bytes) {
  for (size_t have = 0; have < bytes;) {
    ssize_t got = read(fd, (char *)to + have, bytes - have);
    CHECK(got > 0);
    have += (size_t)got;
  }
}

static inline struct frame get(int fd, void *payload, size_t room) {
  struct frame frame;
  get_bytes(fd, &frame, sizeof frame);
  CHECK(frame.bytes >= sizeof frame && frame.bytes - sizeof frame <= room);
  get_bytes(fd, payload, frame.bytes - sizeof frame);
  return frame;
}

/* A session over a socket whose other end is `peer`, past its Setup. */
static inline struct halo_session *peer_open(int *peer, struct halo_session_options options) {
  int pair[2];
  char setup[4096];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  options.triple = "test-triple";
  options.page_bytes = 4096;
  struct halo_session *session = halo_session_open(pair[0], pair[0], &options);
  CHECK(session);
  *peer = pair[1];
  CHECK_EQUAL(get(*peer, setup, sizeof setup).opcode, SETUP);
  return session;
}

/* Several frames are put into one write, so that one read brings them all. */
static inline size_t add_frame(char *to, struct frame frame, char name) {
  memcpy(to, &frame, sizeof frame);
  to[sizeof frame] = name;
  return frame.bytes;
}

#endif
