/* executor/redirect.c: see redirect.h. */
#include "redirect.h"

#include "../arch/jump.h"
#include "../exec/answer.h"
#include "halo/protocol.h"
#include "poke.h"
#include "tasks.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

static int redirect(struct halo_call *call) {
  uint64_t from = halo_read_u64(&call->in), to = halo_read_u64(&call->in);
  if (call->in.is_bad)
    return HALO_E_MALFORMED;
  struct halo_text why = {0};
  uint8_t jump[HALO_ARCH_JUMP_BYTES];
  halo_arch_jump(jump, to);
  if (halo_tasks_count() != 1)
    halo_text_add(&why, "threads are running");
  else if (!from || from % 16)
    halo_text_add(&why, "not the beginning of a function");
  else if (!halo_poke(from, jump, sizeof jump, PROT_READ | PROT_EXEC))
    halo_text_add(&why, strerror(errno));
  halo_answer_error(call->out, &why);
  return HALO_OK;
}

const struct halo_service *halo_redirect_services(size_t *count) {
  static const struct halo_service services[] = {{"halo_redirect", redirect, 0, NULL}};
  *count = 1;
  return services;
}
