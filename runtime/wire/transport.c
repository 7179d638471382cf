/* wire/transport.c: see transport.h. */
#include "transport.h"

#include "halo/sys.h"

static bool is_socket(int fd) {
  int type;
  socklen_t bytes = sizeof type;
  return halo_sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0;
}

static int set_non_blocking(int fd) {
  long flags = halo_sys_fcntl(fd, F_GETFL, 0);
  if (flags < 0)
    return (int)flags;
  return (int)halo_sys_fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int halo_transport_open(struct halo_transport *transport, int in, int out) {
  *transport = (struct halo_transport){in, out, is_socket(in), is_socket(out)};
  int status = transport->is_in_socket ? 0 : set_non_blocking(in);
  if (status == 0 && !transport->is_out_socket)
    status = set_non_blocking(out);
  return status;
}

void halo_transport_close(struct halo_transport *transport) {
  if (transport->in >= 0)
    halo_sys_close(transport->in);
  if (transport->out >= 0 && transport->out != transport->in)
    halo_sys_close(transport->out);
  transport->in = transport->out = -1;
}

long halo_transport_read(struct halo_transport *transport, void *to, size_t bytes) {
  for (;;) {
    long got = transport->is_in_socket ? halo_sys_recv(transport->in, to, bytes, MSG_DONTWAIT)
                                       : halo_sys_read(transport->in, to, bytes);
    if (got != -EINTR)
      return got;
  }
}

/* A pipe has no MSG_NOSIGNAL: hold SIGPIPE back for this thread and swallow the one we caused. */
static long write_pipe(int fd, const struct iovec *pieces, size_t count) {
  const uint64_t pipe_bit = 1ull << (SIGPIPE - 1);
  uint64_t old = 0, pending = 0;
  halo_sys_sigpending(&pending);
  halo_sys_sigprocmask(SIG_BLOCK, &pipe_bit, &old);
  long sent = halo_sys_writev(fd, pieces, count);
  if (sent == -EPIPE && !(pending & pipe_bit)) {
    struct timespec none = {0, 0};
    halo_sys_sigtimedwait(&pipe_bit, &none);
  }
  halo_sys_sigprocmask(SIG_SETMASK, &old, NULL);
  return sent;
}

static long write_pieces(struct halo_transport *transport, struct iovec *pieces, size_t count) {
  if (!transport->is_out_socket)
    return write_pipe(transport->out, pieces, count);
  struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
  return halo_sys_sendmsg(transport->out, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int halo_transport_send(struct halo_transport *transport, const void *head, size_t head_bytes,
                        const void *body, size_t body_bytes, uint64_t stall_ns) {
  struct iovec pieces[2] = {{(void *)head, head_bytes}, {(void *)body, body_bytes}};
  size_t at = 0;
  uint64_t deadline_ns = halo_sys_now_ns() + stall_ns;
  while (at < 2) {
    if (pieces[at].iov_len == 0) {
      at++;
      continue;
    }
    long sent = write_pieces(transport, pieces + at, 2 - at);
    if (sent == -EINTR)
      continue;
    if (sent == -EAGAIN) {
      uint64_t now_ns = halo_sys_now_ns();
      if (now_ns >= deadline_ns)
        return -ETIMEDOUT;
      uint64_t left_ns = deadline_ns - now_ns;
      struct timespec left = {(time_t)(left_ns / 1000000000u), (long)(left_ns % 1000000000u)};
      struct pollfd ready = {transport->out, POLLOUT, 0};
      long status = halo_sys_ppoll(&ready, 1, &left);
      if (status < 0 && status != -EINTR)
        return (int)status;
      continue;
    }
    if (sent < 0)
      return (int)sent;
    deadline_ns = halo_sys_now_ns() + stall_ns;
    for (size_t done = (size_t)sent; done && at < 2;) {
      size_t step = done < pieces[at].iov_len ? done : pieces[at].iov_len;
      pieces[at].iov_base = (char *)pieces[at].iov_base + step;
      pieces[at].iov_len -= step;
      done -= step;
      if (pieces[at].iov_len == 0)
        at++;
    }
  }
  return 0;
}

int halo_transport_wait(struct halo_transport *transport, int wake_fd, int64_t timeout_ns) {
  struct pollfd ready[2] = {{transport ? transport->in : -1, POLLIN, 0}, {wake_fd, POLLIN, 0}};
  struct timespec limit = {(time_t)(timeout_ns / 1000000000), (long)(timeout_ns % 1000000000)};
  for (;;) {
    long status = halo_sys_ppoll(ready, 2, timeout_ns < 0 ? NULL : &limit);
    if (status != -EINTR) /* the kernel has written back what is left of the limit */
      return status > 0 ? 1 : (int)status;
  }
}
