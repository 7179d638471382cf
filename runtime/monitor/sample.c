#include "sample.h"
const char *halo_sample_start(uint32_t hertz) { (void)hertz; return "off"; }
void halo_sample_stop(void) {}
uint64_t halo_sample_total(void) { return 0; }
void halo_sample_read(struct halo_writer *out) { halo_write_u64(out, 0); halo_write_u64(out, 0); }
uint64_t halo_sample_advance(uint64_t now_ns) { (void)now_ns; return 0; }
void halo_sample_announce(uint64_t address, uint64_t bytes) { (void)address; (void)bytes; }
void halo_sample_after_fork(void) {}
