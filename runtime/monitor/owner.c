/* owner.c: /proc/net/tcp and tcp6: one line a socket,
 *
 *     sl  local_address rem_address   st tx:rx tr:tm->when retrnsmt uid timeout inode ...
 *     0: 0100007F:7148 0100007F:9C40 01 ...                         1000 0 23456
 *
 * addresses in hexadecimal, 8 or 32 digits, then the port in network order. The line wanted is the
 * server's end: its local port is our remote port and the other way round.
 */
#include "owner.h"

#include "halo/sys.h"

#include <netinet/in.h>
#include <string.h>

#define ACCEPT_LIMIT_NS 2000000000u
#define RETRY_NS 5000000u

struct wanted {
  unsigned server_port, own_port;
};

static const char *skip_blanks(const char *at) {
  while (*at == ' ')
    at++;
  return at;
}

static const char *skip_word(const char *at) {
  at = skip_blanks(at);
  while (*at && *at != ' ')
    at++;
  return at;
}

static unsigned long read_number(const char *at, unsigned base) {
  unsigned long value = 0;
  for (;; at++) {
    unsigned digit = *at >= '0' && *at <= '9'   ? (unsigned)(*at - '0')
                     : *at >= 'A' && *at <= 'F' ? (unsigned)(*at - 'A' + 10)
                                                : 99;
    if (digit >= base)
      return value;
    value = value * base + digit;
  }
}

/* The port of "ADDRESS:PORT"; 0 unless the address is loopback. */
static unsigned loopback_port(const char *word) {
  const char *colon = strchr(word, ':');
  if (!colon)
    return 0;
  size_t digits = (size_t)(colon - word);
  bool is_v4 = digits == 8 && !memcmp(word + 6, "7F", 2);
  bool is_mapped =
      digits == 32 && !memcmp(word, "0000000000000000FFFF0000", 24) && !memcmp(word + 30, "7F", 2);
  bool is_v6 = digits == 32 && !memcmp(word, "00000000000000000000000001000000", 32);
  return is_v4 || is_mapped || is_v6 ? (unsigned)read_number(colon + 1, 16) : 0;
}

/* 1: trusted, 0: not this line or not accepted yet, -1: somebody else's. */
static int judge(const char *line, const struct wanted *wanted) {
  const char *local = skip_blanks(skip_word(line));
  const char *remote = skip_blanks(skip_word(local));
  if (loopback_port(local) != wanted->server_port || loopback_port(remote) != wanted->own_port)
    return 0;
  const char *at = remote;
  for (int i = 0; i < 5; i++) /* remote, state, queues, timer, retransmissions */
    at = skip_word(at);
  at = skip_blanks(at);
  unsigned long uid = read_number(at, 10);
  unsigned long inode = read_number(skip_blanks(skip_word(skip_word(at))), 10);
  if (inode == 0)
    return 0;
  return uid == 0 || uid == halo_sys_geteuid() ? 1 : -1;
}

static int search(const char *path, const struct wanted *wanted) {
  long fd = halo_sys_open(path, O_RDONLY | O_CLOEXEC, 0);
  if (halo_sys_failed(fd))
    return 0;
  char text[4097];
  size_t have = 0;
  int verdict = 0;
  for (;;) {
    long got = halo_sys_read((int)fd, text + have, sizeof text - 1 - have);
    if (got <= 0)
      break;
    have += (size_t)got;
    text[have] = 0;
    char *line = text;
    for (char *end; !verdict && (end = strchr(line, '\n')); line = end + 1) {
      *end = 0;
      verdict = judge(line, wanted);
    }
    have = strlen(line);
    memmove(text, line, have);
    if (verdict || have == sizeof text - 1)
      break;
  }
  halo_sys_close((int)fd);
  return verdict;
}

static unsigned port_of(const struct sockaddr_in6 *address) {
  uint16_t port = address->sin6_port; /* at the same place in sockaddr_in */
  return (unsigned)(uint16_t)(port << 8 | port >> 8);
}

bool halo_owner_is_trusted(int fd) {
  struct sockaddr_in6 own = {0}, peer = {0};
  socklen_t own_bytes = sizeof own, peer_bytes = sizeof peer;
  if (halo_sys_getsockname(fd, &own, &own_bytes) != 0 || halo_sys_getpeername(fd, &peer, &peer_bytes) != 0)
    return false;
  struct wanted wanted = {port_of(&peer), port_of(&own)};
  for (uint64_t begin = halo_sys_now_ns(); halo_sys_now_ns() - begin < ACCEPT_LIMIT_NS;) {
    int verdict = search("/proc/thread-self/net/tcp", &wanted);
    if (!verdict)
      verdict = search("/proc/thread-self/net/tcp6", &wanted);
    if (verdict)
      return verdict > 0;
    halo_sys_nanosleep(RETRY_NS);
  }
  return false;
}
