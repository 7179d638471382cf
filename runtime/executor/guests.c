/* executor/guests.c: see guests.h. */
#include "guests.h"

#include "../wire/state.h"
#include "link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define GUESTS 16

struct guests {
  const struct halo_session_options *options;
  size_t count;
  struct halo_session *sessions[GUESTS]; /* the oldest first */
};

/* Less than a header is no reason to wake up. */
static void wake_at(const struct halo_session *session, int bytes) {
  setsockopt(halo_session_descriptor(session), SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

static void drop(struct guests *guests, size_t index, const char *why) {
  halo_session_hang_up(guests->sessions[index], why);
  guests->count--;
  memmove(guests->sessions + index, guests->sessions + index + 1,
          (guests->count - index) * sizeof guests->sessions[0]);
}

static void admit(struct guests *guests, int fd) {
  if (guests->count == GUESTS)
    drop(guests, 0, "too many connections wait here, and this one is silent");
  struct halo_session *session = halo_session_open(fd, fd, guests->options);
  if (!session)
    return;
  wake_at(session, HALO_FRAME_HEADER_BYTES);
  guests->sessions[guests->count++] = session;
}

static bool is_call(const struct guests *guests, const struct halo_frame *frame) {
  if (frame->opcode != HALO_OPCODE_CALL || frame->bytes < sizeof *frame)
    return false;
  for (size_t i = 0; i < guests->options->service_count; i++) {
    const struct halo_service *service = &guests->options->services[i];
    if (service->run && (uint64_t)(uintptr_t)service->run == frame->tag)
      return true;
  }
  return false;
}

/* Looks at what a guest has sent, and drops it if that is no call. Its session: it is one. */
static struct halo_session *listen_to(struct guests *guests, size_t index, short events) {
  struct halo_session *session = guests->sessions[index];
  struct halo_frame frame;
  ssize_t got = recv(halo_session_descriptor(session), &frame, sizeof frame, MSG_PEEK | MSG_DONTWAIT);
  bool is_whole = got == (ssize_t)sizeof frame;
  if (is_whole && is_call(guests, &frame))
    return session;
  if (is_whole && frame.opcode != HALO_OPCODE_HANGUP)
    halo_complain("somebody has connected who is no controller: dropped");
  if (is_whole || got == 0 || events & (POLLRDHUP | POLLHUP | POLLERR))
    drop(guests, index, is_whole ? "this is a halo-executor, and that was no call" : NULL);
  return NULL;
}

static struct halo_session *take(struct guests *guests, struct halo_session *session) {
  while (guests->count) {
    size_t last = guests->count - 1;
    if (guests->sessions[last] == session)
      guests->count--;
    else
      drop(guests, last, HALO_LINK_BUSY);
  }
  wake_at(session, 1);
  return session;
}

struct halo_session *halo_guests_meet(int listener, int peer, const struct halo_session_options *options) {
  struct guests guests = {.options = options};
  if (peer >= 0)
    admit(&guests, peer);
  for (;;) {
    struct pollfd polled[1 + GUESTS] = {{listener, POLLIN, 0}};
    for (size_t i = 0; i < guests.count; i++)
      polled[1 + i] = (struct pollfd){halo_session_descriptor(guests.sessions[i]), POLLIN | POLLRDHUP, 0};
    if (poll(polled, 1 + guests.count, -1) < 0)
      continue;
    for (size_t i = guests.count; i-- > 0;) {
      struct halo_session *session =
          polled[1 + i].revents ? listen_to(&guests, i, polled[1 + i].revents) : NULL;
      if (session)
        return take(&guests, session);
    }
    int fd = polled[0].revents ? halo_link_accept(listener) : -1;
    if (fd >= 0)
      admit(&guests, fd);
  }
}
