/* executor/remote.c: see remote.h. One thread, one loop of poll, nothing that blocks. */
#include "remote.h"

#include "../exec/answer.h"
#include "../keeper/sibling.h"
#include "../wire/state.h"
#include "halo/protocol.h"
#include "halo/sys.h"
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUEUE_BYTES (256u << 10) /* of output that the front has not taken: then inputs wait */
#define LINES 4                  /* connections without an order that wants them */
#define LINE_LIMIT_NS 5000000000ull
#define SILENCE_LIMIT_NS 20000000000ull /* a front says something every 5 s */

struct line {
  int fd;
  size_t filled;
  uint64_t since_ns;
  uint8_t token[HALO_REMOTE_TOKEN_BYTES];
};

struct remote {
  int control, listener, keeper;
  int input;      /* -1: has ended */
  int outputs[2]; /* of standard output and error */
  bool is_over;
  uint64_t heard_ns;        /* of the front, last */
  struct halo_writer queue; /* for the front; sent up to queue_from */
  size_t queue_from;
  size_t received_bytes;
  uint8_t received[sizeof(struct halo_keeper_message) + HALO_REMOTE_PIECE_BYTES];
  size_t typed_bytes, typed_from; /* for standard input */
  uint8_t typed[HALO_REMOTE_PIECE_BYTES];
  bool is_wanting; /* `wanted`, START or THAW, has no connection yet */
  struct halo_keeper_message wanted;
  uint8_t wanted_token[HALO_REMOTE_TOKEN_BYTES];
  size_t line_count;
  struct line lines[LINES];
};

/* ---- the service ---- */

static int asked = -1;

static int keep(struct halo_call *call) {
  struct halo_text why = {0};
  asked = fcntl(halo_session_descriptor(call->session), F_DUPFD_CLOEXEC, 0);
  if (asked < 0)
    halo_text_add(&why, strerror(errno));
  halo_answer_error(call->out, &why);
  return HALO_OK;
}

const struct halo_service *halo_remote_services(size_t *count) {
  static const struct halo_service services[] = {{"halo_keep", keep, 0, NULL}};
  *count = 1;
  return services;
}

int halo_remote_take(void) {
  int taken = asked;
  asked = -1;
  return taken;
}

/* ---- to the front ---- */

static void send_queued(struct remote *remote) {
  struct halo_writer *queue = &remote->queue;
  while (remote->queue_from < queue->bytes) {
    ssize_t sent = send(remote->control, queue->data + remote->queue_from, queue->bytes - remote->queue_from,
                        MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR)
      continue;
    remote->is_over |= sent < 0 && errno != EAGAIN;
    if (sent < 0)
      return;
    remote->queue_from += (size_t)sent;
  }
  halo_writer_reset(queue);
  remote->queue_from = 0;
}

static void tell(struct remote *remote, struct halo_keeper_message event, const void *data, size_t bytes) {
  event.bytes = (uint32_t)bytes;
  halo_write_raw(&remote->queue, &event, sizeof event);
  halo_write_raw(&remote->queue, data, bytes);
  remote->is_over |= remote->queue.is_bad;
}

/* What is printed, at most so many bytes. */
static void pass_output(struct remote *remote, int index, size_t bytes) {
  uint8_t piece[HALO_REMOTE_PIECE_BYTES];
  while (bytes) {
    ssize_t got = read(remote->outputs[index], piece, bytes < sizeof piece ? bytes : sizeof piece);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return;
    tell(remote, (struct halo_keeper_message){.kind = HALO_REMOTE_OUTPUT, .status = index + 1}, piece,
         (size_t)got);
    bytes -= (size_t)got;
  }
}

static void pong(struct remote *remote, uint64_t id) {
  for (int i = 0; i < 2; i++) {
    int unread = 0;
    ioctl(remote->outputs[i], FIONREAD, &unread);
    pass_output(remote, i, (size_t)(unread > 0 ? unread : 0));
  }
  tell(remote, (struct halo_keeper_message){.kind = HALO_REMOTE_PONG, .id = id}, NULL, 0);
}

/* ---- connections for live processes ---- */

static void drop_line(struct remote *remote, size_t index) {
  remote->lines[index] = remote->lines[--remote->line_count];
}

/* Carries out the order that waits for a connection, if that is here. */
static void match(struct remote *remote) {
  for (size_t i = 0; remote->is_wanting && i < remote->line_count; i++) {
    struct line *line = &remote->lines[i];
    if (line->filled < sizeof line->token ||
        memcmp(line->token, remote->wanted_token, sizeof line->token) != 0)
      continue;
    remote->is_wanting = false;
    remote->is_over |= halo_keeper_send(remote->keeper, &remote->wanted, &line->fd, 1) < 0;
    close(line->fd);
    drop_line(remote, i);
  }
}

/* One that does not say which order it is for is another front, or no front. */
static void refuse(struct remote *remote, size_t index) {
  struct halo_writer frame = {0};
  halo_write_u64(&frame, sizeof(struct halo_frame) + 1 + 8 + strlen(HALO_LINK_BUSY));
  halo_write_u64(&frame, HALO_OPCODE_HANGUP);
  halo_write_u64(&frame, 0);
  halo_write_u64(&frame, 0);
  halo_write_u8(&frame, 1);
  halo_write_string(&frame, HALO_LINK_BUSY);
  if (!frame.is_bad)
    send(remote->lines[index].fd, frame.data, frame.bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
  halo_writer_free(&frame);
  close(remote->lines[index].fd);
  drop_line(remote, index);
}

static void take_line(struct remote *remote) {
  int fd = halo_link_accept(remote->listener);
  if (fd < 0)
    return;
  if (remote->line_count == LINES)
    refuse(remote, 0);
  remote->lines[remote->line_count++] = (struct line){.fd = fd, .since_ns = halo_sys_now_ns()};
}

static void read_token(struct remote *remote, size_t index) {
  struct line *line = &remote->lines[index];
  ssize_t got = recv(line->fd, line->token + line->filled, sizeof line->token - line->filled, MSG_DONTWAIT);
  if (got > 0) {
    line->filled += (size_t)got;
  } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
    close(line->fd);
    drop_line(remote, index);
  }
}

/* Until the first of them is late, for poll; -1: there is none. */
static int patience_ms(const struct remote *remote) {
  uint64_t now_ns = halo_sys_now_ns(), first_ns = UINT64_MAX;
  for (size_t i = 0; i < remote->line_count; i++)
    if (remote->lines[i].since_ns < first_ns)
      first_ns = remote->lines[i].since_ns;
  if (!remote->line_count)
    return -1;
  uint64_t waited_ns = now_ns - first_ns;
  return waited_ns < LINE_LIMIT_NS ? (int)((LINE_LIMIT_NS - waited_ns) / 1000000) + 1 : 0;
}

/* Another front has its turn when ours is gone, which a broken network tells nobody. */
static void refuse_late(struct remote *remote) {
  uint64_t now_ns = halo_sys_now_ns();
  for (size_t i = remote->line_count; i-- > 0 && !remote->is_over;) {
    if (now_ns - remote->lines[i].since_ns < LINE_LIMIT_NS)
      continue;
    remote->is_over = !remote->lines[i].filled && now_ns - remote->heard_ns >= SILENCE_LIMIT_NS;
    if (!remote->is_over)
      refuse(remote, i);
  }
}

/* One that has said nothing yet is kept; the others are closed. */
static int take_waiting(struct remote *remote) {
  int waiting = -1;
  while (remote->line_count) {
    struct line *line = &remote->lines[0];
    if (waiting < 0 && !line->filled)
      waiting = line->fd;
    else
      close(line->fd);
    drop_line(remote, 0);
  }
  return waiting;
}

/* ---- from the front ---- */

static void write_typed(struct remote *remote) {
  while (remote->typed_from < remote->typed_bytes && remote->input >= 0) {
    ssize_t sent =
        write(remote->input, remote->typed + remote->typed_from, remote->typed_bytes - remote->typed_from);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent < 0)
      return; /* the pipe is full */
    remote->typed_from += (size_t)sent;
  }
  remote->typed_bytes = remote->typed_from = 0;
  tell(remote, (struct halo_keeper_message){.kind = HALO_REMOTE_TAKEN}, NULL, 0);
}

static void type(struct remote *remote, const uint8_t *data, size_t bytes) {
  if (!bytes && remote->input >= 0) {
    close(remote->input);
    remote->input = -1;
  }
  memcpy(remote->typed, data, bytes);
  remote->typed_bytes = bytes;
  remote->typed_from = 0;
  write_typed(remote);
}

static bool obey(struct remote *remote, const struct halo_keeper_message *order, const uint8_t *data) {
  switch (order->kind) {
  case HALO_KEEPER_START:
  case HALO_KEEPER_THAW:
    if (order->bytes != HALO_REMOTE_TOKEN_BYTES)
      return false;
    remote->wanted = *order;
    remote->wanted.bytes = 0;
    memcpy(remote->wanted_token, data, order->bytes);
    remote->is_wanting = true;
    return true;
  case HALO_KEEPER_DROP:
  case HALO_KEEPER_KILL:
    return order->bytes == 0 && halo_keeper_send(remote->keeper, order, NULL, 0) == 0;
  case HALO_REMOTE_INPUT:
    if (remote->typed_bytes)
      return false;
    type(remote, data, order->bytes);
    return true;
  case HALO_REMOTE_PING:
    pong(remote, order->id);
    return true;
  default:
    return false;
  }
}

static void take_orders(struct remote *remote) {
  ssize_t got = recv(remote->control, remote->received + remote->received_bytes,
                     sizeof remote->received - remote->received_bytes, MSG_DONTWAIT);
  if (got <= 0) {
    remote->is_over |= got == 0 || (errno != EAGAIN && errno != EINTR);
    return;
  }
  remote->heard_ns = halo_sys_now_ns();
  remote->received_bytes += (size_t)got;
  size_t at = 0;
  struct halo_keeper_message order;
  while (remote->received_bytes - at >= sizeof order) {
    memcpy(&order, remote->received + at, sizeof order);
    bool is_known = order.bytes <= HALO_REMOTE_PIECE_BYTES;
    if (is_known && remote->received_bytes - at - sizeof order < order.bytes)
      break;
    if (!is_known || !obey(remote, &order, remote->received + at + sizeof order)) {
      halo_complain("the front sent an order that cannot be carried out (%u): it is hung up on", order.kind);
      remote->is_over = true;
      return;
    }
    at += sizeof order + order.bytes;
  }
  remote->received_bytes -= at;
  memmove(remote->received, remote->received + at, remote->received_bytes);
}

static void pass_events(struct remote *remote) {
  struct halo_keeper_message event;
  int descriptors[HALO_KEEPER_DESCRIPTORS], status;
  size_t count;
  while ((status = halo_keeper_receive(remote->keeper, &event, descriptors, &count, MSG_DONTWAIT)) == 1)
    tell(remote, event, NULL, 0);
  remote->is_over |= status != -EAGAIN;
}

/* ---- the loop ---- */

enum { CONTROL, KEEPER, LISTENER, INPUT, OUTPUT, ERRORS, FIRST_LINE };

static void step(struct remote *remote) {
  struct pollfd polled[FIRST_LINE + LINES];
  size_t lines = remote->line_count;
  bool has_queue = remote->queue.bytes > remote->queue_from, is_full = remote->queue.bytes > QUEUE_BYTES;
  polled[CONTROL] = (struct pollfd){remote->control, (short)(POLLIN | (has_queue ? POLLOUT : 0)), 0};
  polled[KEEPER] = (struct pollfd){remote->keeper, POLLIN, 0};
  polled[LISTENER] = (struct pollfd){remote->listener, POLLIN, 0};
  polled[INPUT] = (struct pollfd){remote->typed_bytes ? remote->input : -1, POLLOUT, 0};
  polled[OUTPUT] = (struct pollfd){is_full ? -1 : remote->outputs[0], POLLIN, 0};
  polled[ERRORS] = (struct pollfd){is_full ? -1 : remote->outputs[1], POLLIN, 0};
  for (size_t i = 0; i < lines; i++) /* one that has its token waits for an order */
    polled[FIRST_LINE + i] = (struct pollfd){
        remote->lines[i].filled < HALO_REMOTE_TOKEN_BYTES ? remote->lines[i].fd : -1, POLLIN, 0};
  if (poll(polled, FIRST_LINE + lines, patience_ms(remote)) < 0) {
    remote->is_over |= errno != EINTR;
    return;
  }
  for (size_t i = lines; i-- > 0;)
    if (polled[FIRST_LINE + i].revents)
      read_token(remote, i);
  for (int i = 0; i < 2; i++) /* before deaths: what was printed before the end counts */
    if (polled[OUTPUT + i].revents)
      pass_output(remote, i, HALO_REMOTE_PIECE_BYTES);
  if (polled[KEEPER].revents)
    pass_events(remote);
  if (polled[CONTROL].revents & ~POLLOUT)
    take_orders(remote);
  if (polled[INPUT].revents)
    write_typed(remote);
  if (polled[LISTENER].revents)
    take_line(remote);
  match(remote);
  refuse_late(remote);
  send_queued(remote);
}

/* ---- begin and end ---- */

struct ends { /* ours, theirs */
  int orders[2], input[2], output[2], errors[2];
};

static void close_both(const int *ends) {
  for (int i = 0; i < 2; i++)
    if (ends[i] >= 0)
      close(ends[i]);
}

static bool open_ends(struct ends *ends) {
  memset(ends, -1, sizeof *ends);
  int read_first[3][2];
  bool is_open = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends->orders) == 0;
  for (int i = 0; i < 3; i++) {
    read_first[i][0] = read_first[i][1] = -1;
    is_open = is_open && pipe2(read_first[i], O_CLOEXEC) == 0;
  }
  ends->input[0] = read_first[0][1];
  ends->input[1] = read_first[0][0];
  memcpy(ends->output, read_first[1], sizeof ends->output);
  memcpy(ends->errors, read_first[2], sizeof ends->errors);
  fcntl(ends->input[0], F_SETFL, O_NONBLOCK);
  fcntl(ends->output[0], F_SETFL, O_NONBLOCK);
  fcntl(ends->errors[0], F_SETFL, O_NONBLOCK);
  return is_open;
}

static void close_ends(const struct ends *ends) {
  close_both(ends->orders);
  close_both(ends->input);
  close_both(ends->output);
  close_both(ends->errors);
}

/* The keeper: has of all this its orders and standard descriptors only. */
static int become_keeper(const struct ends *ends, halo_keeper_body *body, void *context) {
  int orders = ends->orders[1];
  if (dup2(ends->input[1], 0) < 0 || dup2(ends->output[1], 1) < 0 || dup2(ends->errors[1], 2) < 0 ||
      dup2(orders, 3) < 0 || close_range(4, ~0u, 0) != 0)
    return EXIT_FAILURE;
  fcntl(3, F_SETFD, FD_CLOEXEC);
  return halo_keeper_run(3, body, context) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int halo_remote_serve(int control, int listener, halo_keeper_body *body, void *context) {
  struct ends ends;
  int waiting = -1;
  struct remote *remote = calloc(1, sizeof *remote);
  pid_t keeper = remote && open_ends(&ends) ? fork() : -1;
  if (keeper == 0)
    _exit(become_keeper(&ends, body, context));
  if (keeper < 0) {
    halo_complain("no session can begin: %s", strerror(errno));
  } else {
    close(ends.orders[1]), ends.orders[1] = -1;
    close(ends.input[1]), ends.input[1] = -1;
    close(ends.output[1]), ends.output[1] = -1;
    close(ends.errors[1]), ends.errors[1] = -1;
    signal(SIGPIPE, SIG_IGN);
    remote->control = control;
    remote->heard_ns = halo_sys_now_ns();
    remote->listener = listener;
    remote->keeper = ends.orders[0];
    remote->input = ends.input[0];
    remote->outputs[0] = ends.output[0];
    remote->outputs[1] = ends.errors[0];
    while (!remote->is_over)
      step(remote);
    waiting = take_waiting(remote);
    halo_writer_free(&remote->queue);
    if (remote->input < 0)
      ends.input[0] = -1;
  }
  if (remote)
    close_ends(&ends);
  free(remote);
  if (keeper > 0)
    waitpid(keeper, NULL, 0);
  close(control); /* the last: the front sees that all has ended */
  return waiting;
}
