/* executor/dispatch.c: see dispatch.h. */
#include "dispatch.h"

#include "../wire/wrapper.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static struct {
  struct halo_session *session;
  pid_t owner;
} attached;

/* A child that user code forked has come back from it into our message loop: the connection is the
 * parent's, so the child's part is done. */
static void end_forked_child(void) {
  fflush(NULL);
  _exit(EXIT_SUCCESS);
}

void halo_dispatch_take_turn(void *context) {
  (void)context;
  if (attached.session && attached.owner != getpid())
    end_forked_child();
  pthread_mutex_lock(&turn);
}

void halo_dispatch_yield_turn(void *context) {
  (void)context;
  pthread_mutex_unlock(&turn);
}

void halo_dispatch_attach(struct halo_session *session) {
  attached.owner = getpid();
  __atomic_store_n(&attached.session, session, __ATOMIC_RELEASE);
}

/* As LLVM's __orc_rt_jit_dispatch: the tag is the address of a symbol that the controller has a
 * handler for. The result is the caller's to free. */
static struct halo_wrapper_result dispatch(void *context, const void *tag, const char *arguments,
                                           size_t bytes) {
  (void)context;
  struct halo_writer result = {0};
  /* Read once: the main thread detaches when the controller hangs up. */
  struct halo_session *session = __atomic_load_n(&attached.session, __ATOMIC_ACQUIRE);
  if (!session)
    return halo_wrapper_error("the controller is gone");
  if (attached.owner != getpid())
    return halo_wrapper_error("a forked child cannot call the controller");
  int status = halo_session_call(session, (uint64_t)(uintptr_t)tag, arguments, bytes, &result);
  struct halo_wrapper_result value = status < 0
                                         ? halo_wrapper_error("the connection to the controller was lost")
                                         : halo_wrapper_value(result.data, result.bytes);
  halo_writer_free(&result);
  return value;
}

const struct halo_service *halo_dispatch_services(size_t *count) {
  static struct halo_service services[2];
  services[0] = (struct halo_service){"__llvm_orc_SimpleRemoteEPC_dispatch_ctx", NULL,
                                      (uint64_t)(uintptr_t)&attached, NULL};
  services[1] = (struct halo_service){"__llvm_orc_SimpleRemoteEPC_dispatch_fn", NULL,
                                      (uint64_t)(uintptr_t)dispatch, NULL};
  *count = 2;
  return services;
}
