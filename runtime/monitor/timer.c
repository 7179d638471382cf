/* timer.c: SIGEV_THREAD_ID timers on each thread's processor time.
 *
 * The handler claims a slot of a shared array, walks frame pointers up to the end of the stack's
 * mapping and marks the slot full, without any system call (stacks.h says why); the monitor empties full
 * slots. A slot's state is its only synchronization:
 *
 *     FREE --handler--> CLAIMED --handler--> FULL --monitor--> FREE
 */
#include "timer.h"

#include "../arch/context_x86_64.h"
#include "halo/sys.h"
#include "log.h"
#include "stacks.h"
#include "threads.h"

#include <string.h>

#define SLOTS 256
#define DEPTH 30
#define SIGNAL_FIRST 60 /* downwards: programs count up from SIGRTMIN */
#define SIGNAL_LAST 36
#define CHECK_NS 1000000000u

enum { FREE, CLAIMED, FULL };

struct slot { /* 256 bytes */
  uint32_t state, count;
  uint64_t reserved;
  uint64_t frames[DEPTH];
};

struct timer {
  int tid, id;
  bool is_seen;
};

static struct slot *slots;
static uint64_t cursor, no_room;
static struct timer *timers;
static size_t timer_count;
static int signal_number;
static uint64_t period_ns, checked_ns;

static void handle(int number, siginfo_t *info, void *context) {
  (void)number;
  struct slot *array = __atomic_load_n(&slots, __ATOMIC_ACQUIRE);
  if (!array || info->si_code != SI_TIMER)
    return;
  struct slot *slot = &array[__atomic_fetch_add(&cursor, 1, __ATOMIC_RELAXED) % SLOTS];
  uint32_t expected = FREE;
  if (!__atomic_compare_exchange_n(&slot->state, &expected, CLAIMED, false, __ATOMIC_ACQUIRE,
                                   __ATOMIC_RELAXED)) {
    __atomic_fetch_add(&no_room, 1, __ATOMIC_RELAXED);
    return;
  }
  struct halo_registers registers = halo_context_registers(context);
  uint32_t count = 0;
  uint64_t below = registers.stack, frame = registers.frame;
  const uint64_t end = halo_stacks_end(registers.stack);
  slot->frames[count++] = registers.code;
  /* Code without frame pointers leaves anything at all in that register. */
  while (count < DEPTH && frame >= below && frame % 8 == 0 && frame <= end - 16) {
    const uint64_t *pair = (const uint64_t *)(uintptr_t)frame; /* caller's frame, return address */
    if (pair[1] < 4096)
      break;
    slot->frames[count++] = pair[1];
    below = frame + 16;
    frame = pair[0];
  }
  slot->count = count;
  __atomic_store_n(&slot->state, FULL, __ATOMIC_RELEASE);
}

/* ---- the signal ---- */

static bool is_ours(void) {
  struct halo_sys_sigaction now = {0};
  return halo_sys_sigaction(signal_number, NULL, &now) == 0 && now.handler == handle;
}

static bool take_signal(void) {
  uint64_t blocked = halo_threads_blocked_signals();
  for (int number = SIGNAL_FIRST; number >= SIGNAL_LAST; number--) {
    struct halo_sys_sigaction now = {0};
    if (blocked >> (number - 1) & 1)
      continue;
    if (halo_sys_sigaction(number, NULL, &now) != 0 || now.handler)
      continue;
    struct halo_sys_sigaction ours = {
        .handler = handle, .flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK, .mask = ~0ull};
    if (halo_sys_sigaction(number, &ours, NULL) == 0) {
      signal_number = number;
      return true;
    }
  }
  return false;
}

/* Ignoring a signal makes the kernel drop what is pending of it; a pending one that met the default
 * action would end the program. */
static void give_signal_back(void) {
  if (!signal_number || !is_ours())
    return;
  /* 1 is SIG_IGN */
  struct halo_sys_sigaction ignore = {.handler = (void (*)(int, siginfo_t *, void *))(uintptr_t)1};
  struct halo_sys_sigaction none = {.handler = NULL};
  halo_sys_sigaction(signal_number, &ignore, NULL);
  halo_sys_sigaction(signal_number, &none, NULL);
}

/* ---- timers ---- */

static bool create(int tid, int *id) {
  struct sigevent event;
  memset(&event, 0, sizeof event);
  event.sigev_notify = 4; /* SIGEV_THREAD_ID */
  event.sigev_signo = signal_number;
  event._sigev_un._tid = tid;
  clockid_t clock = (int)(~(unsigned)tid << 3 | 6u); /* that thread's processor time */
  if (!halo_threads_is_free(tid) || halo_sys_timer_create(clock, &event, id) != 0)
    return false;
  long ns = (long)period_ns;
  struct itimerspec every = {{0, ns}, {0, ns}};
  if (halo_sys_timer_settime(*id, 0, &every) == 0)
    return true;
  halo_sys_timer_delete(*id);
  return false;
}

/* Timers for new threads; none for those that ended or came under seccomp. */
static void follow_threads(bool checks_all) {
  int tids[HALO_THREADS_LIMIT];
  size_t count = halo_threads_list(tids, HALO_THREADS_LIMIT), known = timer_count;
  for (size_t i = 0; i < known; i++)
    timers[i].is_seen = false;
  if (checks_all)
    halo_stacks_refresh();
  bool has_news = false;
  for (size_t i = 0; i < count; i++) {
    size_t at = 0;
    while (at < known && timers[at].tid != tids[i])
      at++;
    struct timer fresh = {.tid = tids[i], .is_seen = true};
    if (at < known)
      timers[at].is_seen = !checks_all || halo_threads_is_free(tids[i]);
    else if (timer_count < HALO_THREADS_LIMIT && create(tids[i], &fresh.id)) {
      timers[timer_count++] = fresh;
      has_news = true;
    }
  }
  if (has_news && !checks_all)
    halo_stacks_refresh();
  for (size_t i = timer_count; i-- > 0;)
    if (!timers[i].is_seen) {
      halo_sys_timer_delete(timers[i].id);
      timers[i] = timers[--timer_count];
    }
}

bool halo_timer_start(uint32_t hertz) {
  if (!slots) {
    struct slot *array = halo_sys_pages(SLOTS * sizeof *array);
    timers = timers ? timers : halo_sys_pages(HALO_THREADS_LIMIT * sizeof *timers);
    if (!array || !timers)
      return false;
    __atomic_store_n(&slots, array, __ATOMIC_RELEASE);
  }
  if (!take_signal())
    return false;
  period_ns = 1000000000u / hertz;
  if (period_ns > 999999999u)
    period_ns = 999999999u;
  follow_threads(true);
  if (timer_count)
    return true;
  halo_timer_stop();
  return false;
}

void halo_timer_stop(void) {
  while (timer_count)
    halo_sys_timer_delete(timers[--timer_count].id);
  give_signal_back();
  signal_number = 0;
  /* The slots stay: a thread may be in the handler. */
}

uint64_t halo_timer_drain(void (*take)(const uint64_t *frames, size_t count)) {
  if (!signal_number)
    return 0;
  for (size_t i = 0; i < SLOTS; i++)
    if (__atomic_load_n(&slots[i].state, __ATOMIC_ACQUIRE) == FULL) {
      take(slots[i].frames, slots[i].count);
      __atomic_store_n(&slots[i].state, FREE, __ATOMIC_RELEASE);
    }
  uint64_t now = halo_sys_now_ns();
  bool checks_all = now - checked_ns >= CHECK_NS;
  if (checks_all)
    checked_ns = now;
  if (!is_ours()) {
    halo_log(HALO_LOG_WARNING, "the program uses signal %d now: no more samples", signal_number);
    halo_timer_stop();
  } else {
    follow_threads(checks_all);
  }
  return __atomic_exchange_n(&no_room, 0, __ATOMIC_RELAXED);
}

void halo_timer_after_fork(void) {
  timer_count = 0; /* the child has no timers */
  give_signal_back();
  signal_number = 0;
  for (size_t i = 0; slots && i < SLOTS; i++)
    slots[i].state = FREE; /* claimed by threads that are not here */
}
