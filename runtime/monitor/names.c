/* names.c: lines "ADDRESS BYTES NAME" in hexadecimal, appended. Never follows a link that somebody
 * put there: /tmp is everybody's.
 */
#include "names.h"

#include "halo/sys.h"
#include "settings.h"

#include <string.h>

static int fd = -1;
static int of_pid;
static char text[4096];
static size_t used;

static size_t put_number(char *to, uint64_t value, unsigned base) {
  char digits[24];
  size_t count = 0, at = 0;
  do
    digits[count++] = "0123456789abcdef"[value % base];
  while (value /= base);
  while (count)
    to[at++] = digits[--count];
  return at;
}

static void open_map(void) {
  char path[64] = "/tmp/perf-";
  of_pid = halo_sys_getpid();
  size_t at = 10 + put_number(path + 10, (uint64_t)of_pid, 10);
  memcpy(path + at, ".map", 5);
  long opened = halo_sys_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  fd = halo_sys_failed(opened) ? -1 : (int)opened;
}

void halo_names_add(uint64_t address, uint64_t bytes, const char *name, size_t name_bytes) {
  if (!halo_settings.has_perf_map)
    return;
  if (of_pid != halo_sys_getpid())
    open_map();
  if (name_bytes > 1024)
    name_bytes = 1024;
  if (used + name_bytes + 64 > sizeof text)
    halo_names_flush();
  used += put_number(text + used, address, 16);
  text[used++] = ' ';
  used += put_number(text + used, bytes, 16);
  text[used++] = ' ';
  for (size_t i = 0; i < name_bytes; i++)
    text[used++] = name[i] == '\n' ? ' ' : name[i];
  text[used++] = '\n';
}

void halo_names_flush(void) {
  if (used && fd >= 0)
    halo_sys_write_all(fd, text, used);
  used = 0;
}

void halo_names_after_fork(void) {
  of_pid = 0;
  used = 0;
}
