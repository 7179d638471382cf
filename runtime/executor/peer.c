/* executor/peer.c: who is at the other end of a loopback TCP connection.
 *
 * TCP has no peer credentials; the kernel's tables name the owner of each local socket. The peer's
 * socket is the one whose local address is our remote address and the other way round.
 */
#include "link.h"

#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct end { /* as /proc/net/tcp* prints it */
  char address[33];
  unsigned port;
};

static void describe(const struct sockaddr_storage *from, struct end *end) {
  if (from->ss_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)from;
    snprintf(end->address, sizeof end->address, "%08X", in->sin_addr.s_addr);
    end->port = ntohs(in->sin_port);
    return;
  }
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
  uint32_t words[4];
  memcpy(words, &in6->sin6_addr, sizeof words);
  snprintf(end->address, sizeof end->address, "%08X%08X%08X%08X", words[0], words[1], words[2], words[3]);
  end->port = ntohs(in6->sin6_port);
}

struct row {
  struct end local, remote;
  unsigned uid;
};

/* " 0: 0100007F:8D23 0100007F:1F90 01 queues timer retransmits uid ...", all but uid in hex. */
static bool parse_row(const char *line, struct row *row) {
  char local_port[9], remote_port[9], uid[11];
  if (sscanf(line, " %*[0-9]: %32[0-9A-F]:%8[0-9A-F] %32[0-9A-F]:%8[0-9A-F] %*s %*s %*s %*s %10[0-9]",
             row->local.address, local_port, row->remote.address, remote_port, uid) != 5)
    return false;
  row->local.port = (unsigned)strtoul(local_port, NULL, 16);
  row->remote.port = (unsigned)strtoul(remote_port, NULL, 16);
  row->uid = (unsigned)strtoul(uid, NULL, 10);
  return true;
}

static bool is_same(const struct end *a, const struct end *b) {
  return a->port == b->port && strcmp(a->address, b->address) == 0;
}

static bool find_owner(const char *table, const struct end *local, const struct end *remote, unsigned *uid) {
  FILE *file = fopen(table, "re");
  char line[512];
  bool is_found = false;
  if (!file)
    return false;
  while (!is_found && fgets(line, sizeof line, file)) {
    struct row row;
    if (!parse_row(line, &row))
      continue;
    is_found = is_same(&row.local, local) && is_same(&row.remote, remote);
    if (is_found)
      *uid = row.uid;
  }
  fclose(file);
  return is_found;
}

bool halo_peer_uid(int socket, unsigned *uid) {
  struct sockaddr_storage ours = {0}, theirs = {0};
  socklen_t our_bytes = sizeof ours, their_bytes = sizeof theirs;
  struct end our_end, their_end;
  if (getsockname(socket, (struct sockaddr *)&ours, &our_bytes) != 0 ||
      getpeername(socket, (struct sockaddr *)&theirs, &their_bytes) != 0)
    return false;
  if (theirs.ss_family != AF_INET && theirs.ss_family != AF_INET6)
    return false;
  describe(&ours, &our_end);
  describe(&theirs, &their_end);
  return find_owner(theirs.ss_family == AF_INET ? "/proc/net/tcp" : "/proc/net/tcp6", &their_end, &our_end,
                    uid);
}
