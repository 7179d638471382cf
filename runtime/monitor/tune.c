/* tune.c: services that act on the process: halo_sample_*, _count_*, _patch, _trial_*, _retire_all,
 * _announce.
 */
#include "entries.h"
#include "halo/protocol.h"
#include "halo/sys.h"
#include "names.h"
#include "peek.h"
#include "sample.h"
#include "services.h"
#include "trial.h"

#include <string.h>

#define BATCH 256

/* ---- sampling ---- */

static int sample_start(struct halo_call *call) {
  uint32_t hertz = halo_read_u32(&call->in);
  if (call->in.is_bad)
    return HALO_E_MALFORMED;
  halo_write_u8(call->out, 1);
  halo_write_string(call->out, halo_sample_start(hertz));
  return HALO_OK;
}

static int sample_stop(struct halo_call *call) {
  halo_sample_stop();
  halo_write_u8(call->out, 1);
  halo_write_u64(call->out, halo_sample_total());
  return HALO_OK;
}

static int sample_read(struct halo_call *call) {
  halo_images_refresh();
  halo_write_u8(call->out, 1);
  halo_write_u64(call->out, halo_sys_now_ns());
  halo_write_u64(call->out, halo_ticks());
  halo_write_u64(call->out, halo_sys_clock_ns(CLOCK_PROCESS_CPUTIME_ID));
  halo_write_u64(call->out, halo_images_generation());
  halo_sample_read(call->out);
  return HALO_OK;
}

/* ---- entries ---- */

static void count_batch(const uint64_t *entries, size_t count, struct halo_writer *out) {
  int32_t statuses[BATCH];
  halo_entries_arm(entries, count, statuses);
  for (size_t i = 0; i < count; i++) {
    struct halo_entry *entry = statuses[i] ? NULL : halo_entries_find(entries[i]);
    if (entry)
      statuses[i] = halo_entries_count(entry);
    halo_write_u32(out, (uint32_t)statuses[i]);
  }
}

static int count_start(struct halo_call *call) {
  uint64_t count = halo_read_count(&call->in, 8), entries[BATCH];
  halo_images_refresh();
  halo_write_u8(call->out, 1);
  halo_write_u64(call->out, count);
  for (uint64_t done = 0; done < count;) {
    size_t part = 0;
    while (part < BATCH && done + part < count)
      entries[part++] = halo_read_u64(&call->in);
    count_batch(entries, part, call->out);
    done += part;
  }
  return call->in.is_bad ? HALO_E_MALFORMED : HALO_OK;
}

static int count_read(struct halo_call *call) {
  uint64_t count = halo_read_count(&call->in, 8);
  halo_write_u8(call->out, 1);
  halo_write_u64(call->out, count);
  for (uint64_t i = 0; i < count; i++) {
    const struct halo_entry *entry = halo_entries_find(halo_read_u64(&call->in));
    halo_write_u64(call->out, entry ? halo_entries_calls(entry) : 0);
  }
  return call->in.is_bad ? HALO_E_MALFORMED : HALO_OK;
}

static int count_stop(struct halo_call *call) {
  uint64_t count = halo_read_count(&call->in, 8);
  halo_write_u8(call->out, 1);
  halo_write_u64(call->out, count);
  for (uint64_t i = 0; i < count; i++) {
    struct halo_entry *entry = halo_entries_find(halo_read_u64(&call->in));
    if (entry)
      halo_entries_point(entry, entry->target);
    halo_write_u32(call->out, (uint32_t)(entry ? HALO_OK : HALO_E_UNKNOWN));
  }
  return call->in.is_bad ? HALO_E_MALFORMED : HALO_OK;
}

static void patch_batch(const uint64_t *entries, const uint64_t *targets, size_t count,
                        struct halo_writer *out) {
  int32_t statuses[BATCH];
  halo_entries_arm(entries, count, statuses);
  for (size_t i = 0; i < count; i++) {
    struct halo_entry *entry = statuses[i] ? NULL : halo_entries_find(entries[i]);
    uint8_t first;
    if (entry && targets[i] && !halo_peek(targets[i], &first, 1))
      statuses[i] = HALO_E_MALFORMED;
    else if (entry)
      halo_entries_point(entry, targets[i]);
    halo_write_u32(out, (uint32_t)statuses[i]);
  }
}

static int patch(struct halo_call *call) {
  uint64_t count = halo_read_count(&call->in, 16), entries[BATCH], targets[BATCH];
  halo_images_refresh();
  halo_write_u8(call->out, 1);
  halo_write_u64(call->out, count);
  for (uint64_t done = 0; done < count;) {
    size_t part = 0;
    for (; part < BATCH && done + part < count; part++) {
      entries[part] = halo_read_u64(&call->in);
      targets[part] = halo_read_u64(&call->in);
    }
    patch_batch(entries, targets, part, call->out);
    done += part;
  }
  return call->in.is_bad ? HALO_E_MALFORMED : HALO_OK;
}

static int retire_all(struct halo_call *call) {
  halo_trials_stop_all();
  halo_write_u8(call->out, 1);
  halo_write_u64(call->out, halo_entries_retire_all());
  return HALO_OK;
}

/* ---- trials ---- */

static int trial_start(struct halo_call *call) {
  struct halo_trial_plan plan;
  plan.control = halo_read_u64(&call->in);
  uint64_t address = halo_read_u64(&call->in);
  plan.incumbent = halo_read_u64(&call->in);
  plan.slice_min_ns = halo_read_u64(&call->in);
  plan.slice_max_ns = halo_read_u64(&call->in);
  plan.slices = halo_read_u64(&call->in);
  plan.seed = halo_read_u64(&call->in);
  plan.longest = halo_read_u64(&call->in);
  plan.stride = halo_read_u32(&call->in);
  plan.turn_bits = halo_read_u32(&call->in);
  if (call->in.is_bad)
    return HALO_E_MALFORMED;
  int32_t status;
  uint8_t first;
  halo_images_refresh();
  halo_entries_arm(&address, 1, &status);
  struct halo_entry *entry = status ? NULL : halo_entries_find(address);
  if (!entry)
    return halo_refuse(call, "the entry can not be patched");
  /* By its entry it would come back to the gate, for ever. */
  if (!plan.incumbent || plan.incumbent == entry->entry)
    plan.incumbent = entry->body;
  if (!halo_peek(plan.incumbent, &first, 1))
    return halo_refuse(call, "no code at the incumbent's address");
  int reason;
  uint64_t trial = halo_trial_start(&plan, &reason);
  if (!trial)
    return halo_refuse(call, reason == HALO_E_MALFORMED ? "no control block at this address"
                             : reason == HALO_E_MEMORY  ? "no memory for the trial"
                                                        : "numbers out of range, or a trial runs there");
  halo_write_u8(call->out, 1);
  halo_write_u64(call->out, trial);
  return HALO_OK;
}

static int trial_read(struct halo_call *call) {
  uint64_t trial = halo_read_u64(&call->in);
  if (call->in.is_bad)
    return HALO_E_MALFORMED;
  halo_write_u8(call->out, 1);
  return halo_trial_read(trial, call->out) ? halo_refuse(call, "no such trial") : HALO_OK;
}

static int trial_stop(struct halo_call *call) {
  uint64_t trial = halo_read_u64(&call->in);
  if (call->in.is_bad)
    return HALO_E_MALFORMED;
  halo_write_u8(call->out, 1);
  halo_write_u8(call->out, 1);
  return halo_trial_stop(trial) ? halo_refuse(call, "no such trial") : HALO_OK;
}

/* ---- names ---- */

static int announce(struct halo_call *call) {
  uint64_t count = halo_read_count(&call->in, 24), known = 0;
  for (uint64_t i = 0; i < count && !call->in.is_bad; i++) {
    uint64_t address = halo_read_u64(&call->in), bytes = halo_read_u64(&call->in);
    struct halo_view name = halo_read_bytes(&call->in);
    if (call->in.is_bad)
      break;
    halo_sample_announce(address, bytes);
    halo_names_add(address, bytes, (const char *)name.data, name.bytes);
    known++;
  }
  halo_names_flush();
  halo_write_u8(call->out, 1);
  halo_write_u64(call->out, known);
  return call->in.is_bad ? HALO_E_MALFORMED : HALO_OK;
}

const struct halo_service *halo_tune_services(size_t *count) {
  static const struct halo_service services[] = {
      {"halo_sample_start", sample_start, 0, NULL},
      {"halo_sample_stop", sample_stop, 0, NULL},
      {"halo_sample_read", sample_read, 0, NULL},
      {"halo_count_start", count_start, 0, NULL},
      {"halo_count_read", count_read, 0, NULL},
      {"halo_count_stop", count_stop, 0, NULL},
      {"halo_patch", patch, 0, NULL},
      {"halo_trial_start", trial_start, 0, NULL},
      {"halo_trial_read", trial_read, 0, NULL},
      {"halo_trial_stop", trial_stop, 0, NULL},
      {"halo_retire_all", retire_all, 0, NULL},
      {"halo_announce", announce, 0, NULL},
  };
  *count = sizeof services / sizeof services[0];
  return services;
}
