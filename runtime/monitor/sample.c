/* sample.c: which sampler runs, and what becomes of a stack.
 *
 * Return addresses are looked up one byte earlier, in the call. Frames below the outermost frame of
 * tunable code (libc's start-up, and what a walk without frame pointers makes up) are cut off.
 */
#include "sample.h"

#include "fold.h"
#include "frames.h"
#include "halo/sys.h"
#include "images.h"
#include "log.h"
#include "perf.h"
#include "settings.h"
#include "timer.h"

#include <string.h>

#define DRAIN_NS 40000000u
#define HERTZ_LEAST 1u
#define HERTZ_MOST 5000u

static enum { OFF, PERF, TIMER } running;
static uint64_t total, lost, due_ns;

static void take(const uint64_t *frames, size_t count) {
  uint64_t starts[HALO_FOLD_DEPTH];
  size_t depth = count < HALO_FOLD_DEPTH ? count : HALO_FOLD_DEPTH, tunable = 0;
  for (size_t i = 0; i < depth; i++) {
    struct halo_frame frame = halo_frames_find(i ? frames[i] - 1 : frames[0]);
    bool is_unknown = i && !frame.is_tunable && frame.start == frames[i] - 1;
    starts[i] = is_unknown ? frames[i] : frame.start;
    if (frame.is_tunable)
      tunable = i + 1;
  }
  total++;
  if (!halo_fold_add(starts, tunable ? tunable : 1))
    lost++;
}

const char *halo_sample_start(uint32_t hertz) {
  halo_sample_stop();
  hertz = hertz < HERTZ_LEAST ? HERTZ_LEAST : hertz > HERTZ_MOST ? HERTZ_MOST : hertz;
  enum halo_sampler wanted = halo_settings.sampler;
  halo_frames_refresh();
  if (wanted == HALO_SAMPLER_OFF)
    return "off";
  if (wanted != HALO_SAMPLER_TIMER && halo_perf_start(hertz))
    running = PERF;
  else if (wanted != HALO_SAMPLER_PERF && halo_timer_start(hertz))
    running = TIMER;
  due_ns = halo_sys_now_ns() + DRAIN_NS;
  const char *name = running == PERF ? "perf" : running == TIMER ? "timer" : "off";
  halo_log(HALO_LOG_INFO, "sampler: %s", name);
  return name;
}

static void drain(void) {
  if (running == PERF)
    lost += halo_perf_drain(take);
  else if (running == TIMER)
    lost += halo_timer_drain(take);
}

void halo_sample_stop(void) {
  drain();
  if (running == PERF)
    halo_perf_stop();
  else if (running == TIMER)
    halo_timer_stop();
  running = OFF;
}

uint64_t halo_sample_total(void) { return total; }

void halo_sample_read(struct halo_writer *out) {
  halo_frames_refresh();
  drain();
  halo_write_u64(out, lost);
  halo_fold_take(out);
  lost = 0;
}

uint64_t halo_sample_advance(uint64_t now_ns) {
  if (running == OFF)
    return 0;
  if (now_ns >= due_ns) {
    halo_frames_refresh();
    drain();
    due_ns = now_ns + DRAIN_NS;
  }
  return due_ns;
}

void halo_sample_announce(uint64_t address, uint64_t bytes) { halo_frames_announce(address, bytes); }

void halo_sample_after_fork(void) {
  if (running == PERF)
    halo_perf_after_fork();
  else if (running == TIMER)
    halo_timer_after_fork();
  running = OFF;
  total = lost = 0;
  halo_fold_free();
}
