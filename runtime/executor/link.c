/* executor/link.c: see link.h. */
#include "link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 8 /* a session's connections, and fronts that have to wait */

bool halo_link_descriptors(const char *pair, struct halo_link *link) {
  char *end;
  errno = 0;
  long in = strtol(pair, &end, 10);
  bool is_number = end != pair && *end == ',';
  const char *second = is_number ? end + 1 : pair;
  long out = strtol(second, &end, 10);
  if (!is_number || end == second || *end || errno || in < 0 || out < 0 || in > 0x7fffffff ||
      out > 0x7fffffff) {
    halo_complain("filedescs=%s: expected two descriptor numbers, filedescs=IN,OUT", pair);
    return false;
  }
  if (fcntl((int)in, F_GETFD) < 0 || fcntl((int)out, F_GETFD) < 0) {
    halo_complain("filedescs=%s: not open: %s", pair, strerror(errno));
    return false;
  }
  *link = (struct halo_link){(int)in, (int)out};
  return true;
}

static bool is_loopback(const struct sockaddr *address) {
  if (address->sa_family == AF_INET)
    return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
  return address->sa_family == AF_INET6 &&
         IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

/* HOST:PORT, [HOST]:PORT or :PORT to the first loopback address; null after a complaint. */
static struct addrinfo *look_up(const char *action, const char *endpoint) {
  const char *colon = strrchr(endpoint, ':');
  char host[256] = "127.0.0.1";
  size_t host_bytes = colon ? (size_t)(colon - endpoint) : 0;
  if (!colon || !colon[1] || host_bytes >= sizeof host) {
    halo_complain("%s=%s: expected %s=HOST:PORT", action, endpoint, action);
    return NULL;
  }
  if (host_bytes) {
    bool is_bracketed = endpoint[0] == '[' && colon[-1] == ']' && host_bytes > 2;
    memcpy(host, endpoint + is_bracketed, host_bytes - 2 * is_bracketed);
    host[host_bytes - 2 * is_bracketed] = 0;
  }
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
  int status = getaddrinfo(host, colon + 1, &hints, &found);
  if (status != 0) {
    halo_complain("%s=%s: %s", action, endpoint, gai_strerror(status));
    return NULL;
  }
  if (!is_loopback(found->ai_addr)) {
    halo_complain("%s=%s: not a loopback address. Whoever is connected runs code here and the "
                  "connection is not encrypted: use 127.0.0.1 and a tunnel such as ssh -L",
                  action, endpoint);
    freeaddrinfo(found);
    return NULL;
  }
  return found;
}

/* Small messages go back and forth: waiting to fill packets would cost 40 ms each. */
static void set_no_delay(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static bool is_trusted(int fd) {
  unsigned uid;
  if (!halo_peer_uid(fd, &uid)) {
    halo_complain("cannot tell which user the peer is: refused");
    return false;
  }
  if (uid != geteuid() && uid != 0) {
    halo_complain("the peer is user %u, this executor is user %u: refused", uid, geteuid());
    return false;
  }
  return true;
}

int halo_link_accept(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
      continue;
    if (fd < 0)
      return -1;
    if (is_trusted(fd)) {
      set_no_delay(fd);
      return fd;
    }
    close(fd);
  }
}

int halo_link_listen(const char *endpoint) {
  struct addrinfo *address = look_up("listen", endpoint);
  if (!address)
    return -1;
  int on = 1;
  int listener = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener >= 0)
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_storage bound = {0};
  socklen_t bound_bytes = sizeof bound;
  if (listener >= 0 && bind(listener, address->ai_addr, address->ai_addrlen) == 0 &&
      listen(listener, BACKLOG) == 0 && getsockname(listener, (struct sockaddr *)&bound, &bound_bytes) == 0) {
    /* Port 0 asks the kernel for one: say which. Callers wait for this line. */
    char host[64] = "";
    char port[16] = "";
    getnameinfo((struct sockaddr *)&bound, bound_bytes, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    fprintf(stderr, "Listening at %s:%s\n", host, port); /* stdout is the user code's */
  } else {
    halo_complain("listen=%s: %s", endpoint, strerror(errno));
    if (listener >= 0)
      close(listener);
    listener = -1;
  }
  freeaddrinfo(address);
  return listener;
}

bool halo_link_connect(const char *endpoint, struct halo_link *link) {
  struct addrinfo *address = look_up("connect", endpoint);
  if (!address)
    return false;
  int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool is_connected = fd >= 0 && connect(fd, address->ai_addr, address->ai_addrlen) == 0;
  if (!is_connected)
    halo_complain("connect=%s: %s", endpoint, strerror(errno));
  else
    is_connected = is_trusted(fd);
  freeaddrinfo(address);
  if (!is_connected) {
    if (fd >= 0)
      close(fd);
    return false;
  }
  set_no_delay(fd);
  *link = (struct halo_link){fd, fd};
  return true;
}
