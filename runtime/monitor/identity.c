/* identity.c: /proc/self/status as the truth about the program; set*id for this thread alone. */
#include "identity.h"

#include "halo/sys.h"
#include "log.h"
#include "threads.h"

#include <string.h>

/* The line that begins with `name`, after it; null if there is none. */
static const char *find_line(const char *text, const char *name) {
  size_t bytes = strlen(name);
  for (const char *at = text; at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
    if (!strncmp(at, name, bytes))
      return at + bytes;
  return NULL;
}

/* real, effective, saved */
static bool read_ids(const char *at, unsigned ids[3]) {
  for (int i = 0; at && i < 3; i++) {
    while (*at == '\t' || *at == ' ')
      at++;
    if (*at < '0' || *at > '9')
      return false;
    ids[i] = 0;
    while (*at >= '0' && *at <= '9')
      ids[i] = ids[i] * 10 + (unsigned)(*at++ - '0');
  }
  return at != NULL;
}

static bool read_status(const char *path, unsigned uids[3], unsigned gids[3], bool *is_confined) {
  char text[4096] = {0};
  long fd = halo_sys_open(path, O_RDONLY | O_CLOEXEC, 0);
  if (halo_sys_failed(fd))
    return false;
  long bytes = halo_sys_read_all((int)fd, text, sizeof text - 1);
  halo_sys_close((int)fd);
  text[bytes > 0 ? bytes : 0] = 0;
  *is_confined = halo_threads_is_confined(text);
  return read_ids(find_line(text, "Uid:"), uids) && read_ids(find_line(text, "Gid:"), gids);
}

bool halo_identity_follow(bool *is_confined) {
  unsigned uids[3] = {0}, gids[3] = {0}, own_uids[3] = {0}, own_gids[3] = {0};
  bool ignored;
  if (!read_status("/proc/self/status", uids, gids, is_confined) ||
      !read_status("/proc/thread-self/status", own_uids, own_gids, &ignored))
    return false;
  if (!memcmp(uids, own_uids, sizeof uids) && !memcmp(gids, own_gids, sizeof gids))
    return true;
  /* The kernel forbids core dumps of the whole process when any thread changes its ids; the
   * program may have allowed them again since it did. */
  long dumpable = halo_sys_prctl(3 /* PR_GET_DUMPABLE */, 0, 0, 0, 0);
  /* Groups first: afterwards there may be no right to. */
  if (own_uids[1] == 0 && uids[1] != 0)
    HALO_SYS2(SYS_setgroups, 0, 0);
  if (halo_sys_setresgid(gids[0], gids[1], gids[2]) != 0 ||
      halo_sys_setresuid(uids[0], uids[1], uids[2]) != 0) {
    halo_log(HALO_LOG_ERROR, "the program changed its user to %d and the monitor can not", uids[1]);
    return false;
  }
  if (dumpable == 1)
    halo_sys_prctl(4 /* PR_SET_DUMPABLE */, 1, 0, 0, 0);
  halo_log(HALO_LOG_INFO, "now user %d, as the program", uids[1]);
  return true;
}
