/* peer.c: the places to try, in order: HALO_SERVER alone if set; else the user's runtime directory,
 * /tmp/halo-UID, loopback port 29000.
 */
#include "peer.h"

#include "halo/sys.h"
#include "log.h"
#include "owner.h"
#include "settings.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#define DEFAULT_PORT 29000
#define CONNECT_LIMIT_NS 1000000000u

static int give_up(int fd) {
  halo_sys_close(fd);
  return -1;
}

static int connect_unix(const char *path) {
  struct sockaddr_un address;
  memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  if (strlen(path) >= sizeof address.sun_path)
    return -1;
  memcpy(address.sun_path, path, strlen(path) + 1);
  long fd = halo_sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (halo_sys_failed(fd))
    return -1;
  if (halo_sys_connect((int)fd, &address, sizeof address) != 0)
    return give_up((int)fd);
  struct ucred peer = {0};
  socklen_t bytes = sizeof peer;
  if (halo_sys_getsockopt((int)fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0)
    return give_up((int)fd);
  if (peer.uid != 0 && peer.uid != halo_sys_geteuid()) {
    halo_log(HALO_LOG_WARNING, "refused: the server at %s belongs to user %d", path, (int)peer.uid);
    return give_up((int)fd);
  }
  halo_log(HALO_LOG_INFO, "connected to unix:%s", path);
  return (int)fd;
}

static bool is_loopback(const struct sockaddr *address) {
  if (address->sa_family == AF_INET) {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    return ((const uint8_t *)&v4->sin_addr)[0] == 127;
  }
  static const uint8_t one[16] = {[15] = 1};
  const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
  return !memcmp(&v6->sin6_addr, one, sizeof one);
}

static bool wait_connected(int fd) {
  struct pollfd wait = {.fd = fd, .events = POLLOUT};
  struct timespec limit = {CONNECT_LIMIT_NS / 1000000000u, CONNECT_LIMIT_NS % 1000000000u};
  int failure = 1;
  socklen_t bytes = sizeof failure;
  return halo_sys_ppoll(&wait, 1, &limit) == 1 &&
         halo_sys_getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &bytes) == 0 && failure == 0;
}

static int connect_tcp(const struct sockaddr *address, size_t bytes) {
  long fd = halo_sys_socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (halo_sys_failed(fd))
    return -1;
  long status = halo_sys_connect((int)fd, address, bytes);
  if (status == -EINPROGRESS && wait_connected((int)fd))
    status = 0;
  if (status != 0)
    return give_up((int)fd);
  int on = 1;
  halo_sys_setsockopt((int)fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on);
  if (!halo_owner_is_trusted((int)fd)) {
    halo_log(HALO_LOG_WARNING, "refused: the server on loopback belongs to another user");
    return give_up((int)fd);
  }
  halo_log(HALO_LOG_INFO, "connected over loopback");
  return (int)fd;
}

static bool read_decimal(const char **at, unsigned limit, unsigned *value) {
  const char *begin = *at;
  *value = 0;
  while (**at >= '0' && **at <= '9' && *value <= limit)
    *value = *value * 10 + (unsigned)(*(*at)++ - '0');
  return *at != begin && *value <= limit;
}

/* HOST:PORT with HOST a dotted quad, "localhost", "[::1]" or empty. 0, or the size of *address.
 * Names are not looked up: that would be libc, files and a network. */
static size_t parse_tcp(const char *text, struct sockaddr_in6 *to) {
  const char *colon = strrchr(text, ':');
  unsigned port, part;
  if (!colon)
    return 0;
  const char *digits = colon + 1;
  if (!read_decimal(&digits, 65535, &port) || *digits)
    return 0;
  memset(to, 0, sizeof *to);
  uint16_t wire_port = (uint16_t)(port << 8 | port >> 8);
  size_t host_bytes = (size_t)(colon - text);
  if (host_bytes == 5 && !memcmp(text, "[::1]", 5)) {
    to->sin6_family = AF_INET6;
    to->sin6_port = wire_port;
    to->sin6_addr.s6_addr[15] = 1;
    return sizeof *to;
  }
  struct sockaddr_in *v4 = (struct sockaddr_in *)to;
  uint8_t quad[4] = {127, 0, 0, 1};
  bool is_name = host_bytes == 0 || (host_bytes == 9 && !memcmp(text, "localhost", 9));
  for (int i = 0; i < 4 && !is_name; i++) {
    if (!read_decimal(&text, 255, &part) || *text != (i < 3 ? '.' : ':'))
      return 0;
    quad[i] = (uint8_t)part;
    text++;
  }
  v4->sin_family = AF_INET;
  v4->sin_port = wire_port;
  memcpy(&v4->sin_addr, quad, 4);
  return sizeof *v4;
}

static int connect_setting(const char *server) {
  static bool has_complained;
  if (!strncmp(server, "unix:", 5))
    return connect_unix(server + 5);
  struct sockaddr_in6 address;
  const struct sockaddr *plain = (const struct sockaddr *)&address;
  size_t bytes = parse_tcp(server, &address);
  if (bytes && is_loopback(plain))
    return connect_tcp(plain, bytes);
  if (!has_complained)
    halo_log(HALO_LOG_ERROR, "refused: HALO_SERVER=%s is neither unix:PATH nor a loopback HOST:PORT", server);
  has_complained = true;
  return -1;
}

/* "/tmp/halo-UID/server.sock" */
static void default_path(char path[64]) {
  char digits[16];
  size_t count = 0, at = 10;
  unsigned uid = halo_sys_geteuid();
  strcpy(path, "/tmp/halo-");
  do
    digits[count++] = (char)('0' + uid % 10);
  while (uid /= 10);
  while (count)
    path[at++] = digits[--count];
  strcpy(path + at, "/server.sock");
}

int halo_peer_connect(void) {
  if (halo_settings.server[0])
    return connect_setting(halo_settings.server);
  char path[sizeof halo_settings.runtime_dir + 32];
  int fd = -1;
  if (halo_settings.runtime_dir[0]) {
    size_t bytes = strlen(halo_settings.runtime_dir);
    memcpy(path, halo_settings.runtime_dir, bytes);
    memcpy(path + bytes, "/halo/server.sock", sizeof "/halo/server.sock");
    fd = connect_unix(path);
  }
  if (fd < 0) {
    default_path(path);
    fd = connect_unix(path);
  }
  if (fd < 0) {
    struct sockaddr_in loopback = {.sin_family = AF_INET};
    loopback.sin_port = (uint16_t)((DEFAULT_PORT & 255) << 8 | DEFAULT_PORT >> 8);
    memcpy(&loopback.sin_addr, (const uint8_t[]){127, 0, 0, 1}, 4);
    fd = connect_tcp((const struct sockaddr *)&loopback, sizeof loopback);
  }
  return fd;
}
