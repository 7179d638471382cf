/* settings.c: HALO_* variables. */
#include "settings.h"

#include "halo/sys.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>

struct halo_settings halo_settings;

static void copy(char *to, size_t bytes, const char *name) {
  const char *value = getenv(name);
  to[0] = 0;
  if (value && strlen(value) < bytes)
    memcpy(to, value, strlen(value) + 1);
}

static bool is_set(const char *name, const char *expected) {
  const char *value = getenv(name);
  return value && !strcmp(value, expected);
}

bool halo_settings_read(void) {
  const char *disable = getenv("HALO_DISABLE");
  if (disable && *disable && strcmp(disable, "0") != 0)
    return false;
  halo_settings.main_ns = halo_sys_now_ns();
  copy(halo_settings.server, sizeof halo_settings.server, "HALO_SERVER");
  copy(halo_settings.runtime_dir, sizeof halo_settings.runtime_dir, "XDG_RUNTIME_DIR");
  halo_settings.has_perf_map = is_set("HALO_PERF_MAP", "1");
  halo_settings.is_inert_in_child = is_set("HALO_FORK", "inert");
  halo_settings.sampler = is_set("HALO_SAMPLER", "off")     ? HALO_SAMPLER_OFF
                          : is_set("HALO_SAMPLER", "timer") ? HALO_SAMPLER_TIMER
                          : is_set("HALO_SAMPLER", "perf")  ? HALO_SAMPLER_PERF
                                                            : HALO_SAMPLER_BEST;
  halo_log_configure(getenv("HALO_LOG"));
  return true;
}
