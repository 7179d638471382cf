/* A thread that libc does not know: starts, has zeroed thread-local storage of its own, takes
 * libc's recursive locks as itself, ends. Nobody else holds the lock: libc believes the program to
 * be single-threaded, and its plain stores may lose the wake of a thread that it does not know. */
#include "check.h"
#include "halo/sys.h"

#include <link.h>
#include <pthread.h>

static int images;
static int seen_tid;
static uint64_t seen_pointer, seen_word;
static int can_relock, owner;
static pthread_mutex_t recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static int count_image(struct dl_phdr_info *info, size_t bytes, void *context) {
  (void)info;
  (void)bytes;
  ++*(int *)context;
  return 0;
}

static void run(void *context) {
  seen_tid = halo_sys_gettid();
  seen_pointer = halo_thread_pointer();
  memcpy(&seen_word, (const char *)seen_pointer - 64, sizeof seen_word);
  dl_iterate_phdr(count_image, context);
  pthread_mutex_lock(&recursive);
  owner = recursive.__data.__owner;
  can_relock = pthread_mutex_lock(&recursive) == 0;
  pthread_mutex_unlock(&recursive);
  pthread_mutex_unlock(&recursive);
}

int main(void) {
  case_begin("thread");
  size_t bytes = 128 << 10;
  void *pages = halo_sys_pages(bytes);
  int tid = 0;
  CHECK(pages);
  long started = halo_sys_thread_start(run, &images, pages, bytes, &tid);
  CHECK(started > 0);
  for (int now; (now = __atomic_load_n(&tid, __ATOMIC_ACQUIRE)) != 0;)
    halo_sys_futex_wait_shared(&tid, (uint32_t)now, NULL);
  CHECK_EQUAL(seen_tid, started);
  CHECK(seen_pointer > (uint64_t)pages && seen_pointer < (uint64_t)pages + bytes);
  CHECK(seen_pointer != halo_thread_pointer());
  CHECK_EQUAL(seen_word, 0);
  CHECK(images > 1);
  CHECK(can_relock);
  CHECK_EQUAL(owner, started);
  CHECK(pthread_mutex_trylock(&recursive) == 0); /* and it was left free */
  CHECK(halo_sys_thread_start(run, NULL, pages, HALO_THREAD_TLS_BYTES, &tid) == -EINVAL);
  return 0;
}
