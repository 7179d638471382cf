/* executor/freeze.c: see freeze.h. */
#include "freeze.h"

#include "../exec/answer.h"
#include "dispatch.h"
#include "halo/keeper.h"
#include "halo/protocol.h"
#include "tasks.h"

#include <stdio.h>
#include <unistd.h>

static int freeze(struct halo_call *call) {
  uint64_t id = halo_read_u64(&call->in);
  if (call->in.is_bad)
    return HALO_E_MALFORMED;
  struct halo_text why = {0};
  int descriptors[HALO_KEEPER_DESCRIPTORS];
  size_t count;
  uint64_t threads = halo_tasks_count();
  if (threads == 1) {
    fflush(NULL); /* what is buffered would be written twice */
    int status = halo_keeper_freeze(id, descriptors, &count);
    if (status == 1) {
      while (count > 1)
        close(descriptors[--count]);
      halo_dispatch_attach(call->session); /* our process id is another one */
      return halo_session_move(call->session, count ? descriptors[0] : -1, count ? descriptors[0] : -1);
    }
    if (status < 0) {
      halo_text_add(&why, "this process cannot be copied: error ");
      halo_text_add_number(&why, -status);
    }
  } else if (threads == 0) {
    halo_text_add(&why, "/proc/self/task cannot be read");
  }
  if (why.length) {
    halo_answer_failure(call->out, &why);
    return HALO_OK;
  }
  halo_answer_value(call->out);
  halo_write_u64(call->out, threads);
  return HALO_OK;
}

const struct halo_service *halo_freeze_services(size_t *count) {
  static const struct halo_service services[] = {{"halo_freeze", freeze, 0, NULL}};
  *count = 1;
  return services;
}
