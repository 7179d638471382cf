/* log.c: formatting without libc: stdio locks and allocates. */
#include "log.h"

#include "halo/sys.h"

#include <stdarg.h>
#include <string.h>

static enum halo_log_level log_level;
static char log_path[512];
static int log_fd = -1;

static const char *const level_names[] = {"off", "error", "warning", "info", "debug"};

void halo_log_configure(const char *text) {
  log_level = HALO_LOG_OFF;
  log_path[0] = 0;
  if (!text || !*text)
    return;
  size_t name_bytes = strcspn(text, ":");
  for (int level = 0; level <= HALO_LOG_DEBUG; level++) {
    const char *name = level_names[level];
    bool is_name = strlen(name) == name_bytes && !memcmp(text, name, name_bytes);
    bool is_short = level == HALO_LOG_WARNING && name_bytes == 4 && !memcmp(text, "warn", 4);
    if (is_name || is_short || (name_bytes == 1 && text[0] == '0' + level))
      log_level = (enum halo_log_level)level;
  }
  const char *path = text[name_bytes] ? text + name_bytes + 1 : "";
  if (strlen(path) < sizeof log_path)
    memcpy(log_path, path, strlen(path) + 1);
}

int halo_log_wants_stderr(void) { return log_level != HALO_LOG_OFF && !log_path[0]; }

void halo_log_open(void) {
  log_fd = -1;
  if (log_level == HALO_LOG_OFF)
    return;
  if (!log_path[0]) {
    log_fd = 2;
    return;
  }
  long fd = halo_sys_open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
  log_fd = halo_sys_failed(fd) ? -1 : (int)fd;
}

static size_t put_text(char *line, size_t at, size_t limit, const char *text) {
  while (*text && at < limit)
    line[at++] = *text++;
  return at;
}

static size_t put_number(char *line, size_t at, size_t limit, uint64_t value, unsigned base) {
  char digits[24];
  size_t count = 0;
  do
    digits[count++] = "0123456789abcdef"[value % base];
  while (value /= base);
  while (count && at < limit)
    line[at++] = digits[--count];
  return at;
}

void halo_log(enum halo_log_level level, const char *format, ...) {
  if (level > log_level || log_fd < 0)
    return;
  char line[512];
  const size_t limit = sizeof line - 1;
  size_t at = put_text(line, 0, limit, "halo[");
  at = put_number(line, at, limit, (uint64_t)halo_sys_getpid(), 10);
  at = put_text(line, at, limit, "] ");
  at = put_text(line, at, limit, level_names[level]);
  at = put_text(line, at, limit, ": ");
  va_list values;
  va_start(values, format);
  for (; *format && at < limit; format++) {
    if (*format != '%' || !format[1]) {
      line[at++] = *format;
      continue;
    }
    switch (*++format) {
    case 's': {
      const char *text = va_arg(values, const char *);
      at = put_text(line, at, limit, text ? text : "(none)");
      break;
    }
    case 'd': {
      int value = va_arg(values, int);
      if (value < 0)
        at = put_text(line, at, limit, "-");
      at = put_number(line, at, limit, (uint64_t)(value < 0 ? -(int64_t)value : value), 10);
      break;
    }
    case 'u':
      at = put_number(line, at, limit, va_arg(values, uint64_t), 10);
      break;
    case 'x':
      at = put_text(line, at, limit, "0x");
      at = put_number(line, at, limit, va_arg(values, uint64_t), 16);
      break;
    default:
      break;
    }
  }
  va_end(values);
  line[at++] = '\n';
  /* A full or broken log is no reason to disturb anybody; SIGPIPE is blocked on this thread. */
  halo_sys_write(log_fd, line, at);
}
