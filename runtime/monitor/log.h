/* log.h: the monitor's voice: silent unless HALO_LOG=LEVEL[:FILE] asks for it.
 *
 * Monitor thread only. Lines go to the program's stderr, or are appended to FILE; each is one
 * write. Formats: %s string, %d int, %u uint64_t, %x uint64_t.
 */
#ifndef HALO_MONITOR_LOG_H
#define HALO_MONITOR_LOG_H

enum halo_log_level {
  HALO_LOG_OFF = 0,
  HALO_LOG_ERROR = 1,
  HALO_LOG_WARNING = 2,
  HALO_LOG_INFO = 3,
  HALO_LOG_DEBUG = 4,
};

/* Reads "LEVEL[:FILE]"; null or "" is off. Any thread, before halo_log_open. */
void halo_log_configure(const char *text);
/* True if lines go to descriptor 2, which must then be kept open. */
int halo_log_wants_stderr(void);
/* Opens FILE if there is one; called when the monitor's descriptors are its own. */
void halo_log_open(void);
void halo_log(enum halo_log_level level, const char *format, ...);

#endif
