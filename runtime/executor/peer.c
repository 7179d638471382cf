/* executor/peer.c: who is at the other end of a loopback TCP connection.
 *
 * TCP has no peer credentials; the kernel's tables name the owner of each local socket. The peer's
 * socket is the one whose local address is our remote address and the other way round.
 */
#include "link.h"

#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
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
  snprintf(end->address, sizeof end->address, "%08X%08X%08X%08X", words[0], words[1], words[2],
           words[3]);
  end->port = ntohs(in6->sin6_port);
}

static bool find_owner(const char *table, const struct end *local, const struct end *remote,
                       unsigned *uid) {
  FILE *file = fopen(table, "re");
  char line[512];
  bool is_found = false;
  if (!file)
    return false;
  while (!is_found && fgets(line, sizeof line, file)) {
    char local_address[33], remote_address[33];
    unsigned local_port, remote_port, owner;
    if (sscanf(line, " %*d: %32[0-9A-F]:%X %32[0-9A-F]:%X %*X %*X:%*X %*X:%*X %*X %u",
               local_address, &local_port, remote_address, &remote_port, &owner) != 5)
      continue;
    is_found = local_port == local->port && remote_port == remote->port &&
               strcmp(local_address, local->address) == 0 &&
               strcmp(remote_address, remote->address) == 0;
    if (is_found)
      *uid = owner;
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
  return find_owner(theirs.ss_family == AF_INET ? "/proc/net/tcp" : "/proc/net/tcp6", &their_end,
                    &our_end, uid);
}
