/* executor/crash.c: see crash.h. */
#include "crash.h"

#include "../arch/context_x86_64.h"
#include "../wire/state.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <unwind.h>

#define FRAMES 64
#define STACK_BYTES (128u << 10)
#define LIMIT_S 2

typedef _Unwind_Reason_Code backtrace_fn(_Unwind_Trace_Fn, void *);
typedef _Unwind_Ptr get_ip_fn(struct _Unwind_Context *);

static struct {
  struct halo_session *session;
  backtrace_fn *backtrace; /* null: no unwinder in this process yet */
  get_ip_fn *get_ip;
} told;

struct message {
  struct halo_frame frame;
  uint64_t signal, address, count;
  struct halo_crash_frame frames[FRAMES];
};

struct trace {
  struct message *message;
  uint64_t start;           /* where the signal hit; frames before it are the handler's */
  bool is_started, is_call; /* is_call: `start` is within a call, not where it returns to */
};

static void add(struct message *message, uint64_t at) {
  struct halo_crash_frame *frame = &message->frames[message->count++];
  Dl_info found;
  frame->at = at;
  if (dladdr((void *)(uintptr_t)at, &found) && found.dli_sname)
    strncpy(frame->name, found.dli_sname, sizeof frame->name - 1);
}

static _Unwind_Reason_Code note(struct _Unwind_Context *context, void *argument) {
  struct trace *trace = argument;
  uint64_t at = told.get_ip(context);
  bool is_first = !trace->is_started && at == trace->start;
  trace->is_started |= is_first;
  if (trace->is_started && trace->message->count < FRAMES)
    add(trace->message, at + (is_first && trace->is_call));
  return trace->message->count < FRAMES ? _URC_NO_REASON : _URC_END_OF_STACK;
}

/* False: nothing can be read there. */
static bool copy(void *to, uint64_t from, size_t bytes) {
  struct iovec here = {to, bytes}, there = {(void *)(uintptr_t)from, bytes};
  return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)bytes;
}

static void walk(struct message *message, void *context) {
  struct halo_registers registers = halo_context_registers(context);
  struct trace trace = {message, registers.code, false, false};
  uint8_t code, call[HALO_CONTEXT_CALL_BYTES];
  if (told.backtrace && copy(&code, registers.code, sizeof code)) /* the unwinder looks at it */
    told.backtrace(note, &trace);
  if (message->count > 1)
    return;
  /* A jump into nowhere, most often by a call. */
  if (!message->count)
    add(message, registers.code);
  uint64_t top;
  if (!told.backtrace || !copy(&top, registers.stack, sizeof top) ||
      !copy(call, top - sizeof call, sizeof call) || !halo_context_is_call(call))
    return;
  ucontext_t kept = *(ucontext_t *)context;
  halo_context_undo_call(context, top);
  trace = (struct trace){message, halo_context_registers(context).code, false, true};
  told.backtrace(note, &trace);
  *(ucontext_t *)context = kept;
}

/* The walk can be left at any point: what the unwinder reads may be overwritten, and a lock that the
 * interrupted code holds may be needed. */
static _Atomic pid_t teller;
static volatile sig_atomic_t is_walking;
static sigjmp_buf way_out;

static void be_late(int signal) {
  if (teller != gettid())
    tgkill(getpid(), teller, signal); /* an alarm comes to any thread */
  else if (is_walking)
    siglongjmp(way_out, 1);
}

/* The frames up to where the walk was left; from then on only system calls are safe. */
static void walk_or_leave(struct message *message, void *context) {
  sigset_t alarms;
  sigemptyset(&alarms);
  sigaddset(&alarms, SIGALRM);
  if (sigsetjmp(way_out, 1) == 0) {
    is_walking = true;
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = be_late}, NULL);
    sigprocmask(SIG_UNBLOCK, &alarms, NULL);
    alarm(LIMIT_S);
    walk(message, context);
  }
  is_walking = false;
  if (!message->count)
    message->frames[message->count++].at = halo_context_registers(context).code;
}

static void tell(int signal, siginfo_t *info, void *context) {
  static struct message message;
  pid_t nobody = 0;
  if (atomic_compare_exchange_strong(&teller, &nobody, gettid())) {
    message.signal = (uint64_t)signal;
    message.address = (uint64_t)(uintptr_t)info->si_addr;
    walk_or_leave(&message, context);
    size_t bytes = offsetof(struct message, frames) + message.count * sizeof message.frames[0];
    message.frame = (struct halo_frame){bytes, HALO_OPCODE_CALL, UINT64_MAX, 0};
    send(halo_session_descriptor(told.session), &message, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
  } else if (teller != gettid()) {
    for (;;)
      pause(); /* the other thread's signal ends us */
  } else if (is_walking) {
    siglongjmp(way_out, 1);
  }
  raise(signal); /* blocked while we are here: it comes when we return, and the handler is taken away */
}

void halo_crash_attach(struct halo_session *session) {
  static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
  bool is_first = !told.session;
  told.session = session;
  if (!is_first)
    return;
  void *unwinder = dlopen("libgcc_s.so.1", RTLD_LAZY);
  if (unwinder) {
    told.backtrace = (backtrace_fn *)dlsym(unwinder, "_Unwind_Backtrace");
    told.get_ip = (get_ip_fn *)dlsym(unwinder, "_Unwind_GetIP");
  }
  stack_t stack = {.ss_size = STACK_BYTES};
  stack.ss_sp = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack.ss_sp == MAP_FAILED || sigaltstack(&stack, NULL) != 0)
    return;
  struct sigaction action = {.sa_sigaction = tell, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND};
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
    sigaction(signals[i], &action, NULL);
}
