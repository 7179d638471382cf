/* executor/limits.c: see limits.h. */
#include "limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define EXPENDABLE 500 /* of -1000 to 1000: the higher, the sooner it is ended */

bool halo_limits_parse(const char *size, uint64_t *bytes) {
  static const char units[] = "KMGT";
  char *end;
  errno = 0;
  unsigned long long count = strtoull(size, &end, 10);
  const char *unit = *end ? strchr(units, *end & ~0x20) : NULL;
  unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
  if (end == size || *size == '-' || errno || (*end && (!unit || end[1])) || !count ||
      count > UINT64_MAX >> shift)
    return false;
  *bytes = (uint64_t)count << shift;
  return *bytes >= HALO_LIMITS_LEAST_BYTES;
}

static uint64_t lesser(uint64_t a, uint64_t b) { return a < b ? a : b; }

static bool read_line(const char *path, char *line, int bytes) {
  FILE *file = fopen(path, "re");
  bool is_read = file && fgets(line, bytes, file);
  if (file)
    fclose(file);
  return is_read;
}

static uint64_t read_number(const char *path) {
  char line[32], *end;
  if (!read_line(path, line, sizeof line))
    return UINT64_MAX;
  unsigned long long number = strtoull(line, &end, 10);
  return end == line ? UINT64_MAX : number; /* "max" */
}

/* The limit of a control group and of those that it is in. */
static uint64_t group_limit(const char *root, char *group, const char *name) {
  uint64_t limit = UINT64_MAX;
  for (;;) {
    char path[1024];
    if (snprintf(path, sizeof path, "%s%s/%s", root, group, name) < (int)sizeof path)
      limit = lesser(limit, read_number(path));
    char *last = strrchr(group, '/');
    if (!last)
      return limit;
    *last = 0;
  }
}

static uint64_t groups_limit(void) {
  FILE *groups = fopen("/proc/self/cgroup", "re");
  uint64_t limit = UINT64_MAX;
  char line[1024];
  while (groups && fgets(line, sizeof line, groups)) { /* NUMBER:CONTROLLERS:PATH */
    char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path)
      continue;
    path[strcspn(path, "\n")] = 0;
    *path++ = 0;
    if (!controllers[1])
      limit = lesser(limit, group_limit("/sys/fs/cgroup", path, "memory.max"));
    else if (strstr(controllers, "memory"))
      limit = lesser(limit, group_limit("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"));
  }
  if (groups)
    fclose(groups);
  return limit;
}

void halo_limits_set(uint64_t data_bytes) {
  char line[32];
  int score = -1;
  if (read_line("/proc/self/oom_score_adj", line, sizeof line) && strtol(line, NULL, 10) < EXPENDABLE)
    score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score >= 0) {
    dprintf(score, "%d", EXPENDABLE);
    close(score);
  }
  uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
  uint64_t bytes = data_bytes ? data_bytes : lesser(machine, groups_limit()) / 4 * 3;
  /* Not of the address space: code and stacks of threads reserve much that they never use. */
  struct rlimit limit;
  if (getrlimit(RLIMIT_DATA, &limit) == 0) {
    limit.rlim_cur = lesser(limit.rlim_cur, bytes);
    setrlimit(RLIMIT_DATA, &limit);
  }
  /* An input that crashes is told where; a core of each would fill the user's directory. */
  if (getrlimit(RLIMIT_CORE, &limit) == 0) {
    limit.rlim_cur = 0;
    setrlimit(RLIMIT_CORE, &limit);
  }
}
