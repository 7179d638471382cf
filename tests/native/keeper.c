/* A process is frozen, changed, given up and thawed as it was, as often as one likes. */
#include "check.h"

#include "halo/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The body obeys bytes: '+' adds one, '?' answers the number, '1'.. freezes under that id, 'x' exits
 * with the number, 't' raises a signal at itself through libc. */
static int number;

static int body(void *context, const int *descriptors, size_t count) {
  (void)context;
  int fd = count == 1 ? descriptors[0] : -1;
  char order;
  while (read(fd, &order, 1) == 1) {
    int passed[HALO_KEEPER_DESCRIPTORS];
    size_t passed_count;
    if (order == '+') {
      number++;
    } else if (order == '?') {
      if (write(fd, &number, sizeof number) != sizeof number)
        return 99;
    } else if (order == 'x') {
      return number;
    } else if (order == 't') {
      raise(SIGUSR1);
    } else if (order == 'e') {
      execl("/bin/true", "true", NULL);
    } else if (order == 'k') {
      kill(getppid(), SIGTERM);
    } else if (halo_keeper_freeze((uint64_t)(order - '0'), NULL, passed, &passed_count) == 1) {
      close(fd);
      fd = passed[0];
    }
  }
  return 98;
}

static struct halo_keeper_message expect(int control, uint32_t kind) {
  struct halo_keeper_message event = {0};
  struct pollfd ready = {control, POLLIN, 0};
  CHECK(poll(&ready, 1, 5000) == 1);
  CHECK(recv(control, &event, sizeof event, 0) == (ssize_t)sizeof event);
  CHECK(event.kind == kind);
  return event;
}

static void order(int control, uint32_t kind, uint64_t id, int descriptor) {
  struct halo_keeper_message message = {.kind = kind, .id = id};
  struct iovec piece = {&message, sizeof message};
  char space[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
  struct msghdr packet = {.msg_iov = &piece, .msg_iovlen = 1};
  if (descriptor >= 0) {
    packet.msg_control = space;
    packet.msg_controllen = sizeof space;
    struct cmsghdr *head = CMSG_FIRSTHDR(&packet);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
  }
  CHECK(sendmsg(control, &packet, 0) == (ssize_t)sizeof message);
}

/* Starts or thaws; our end of the new connection. */
static int begin(int control, uint32_t kind, uint64_t id, pid_t *pid) {
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  order(control, kind, id, ends[1]);
  close(ends[1]);
  *pid = expect(control, HALO_KEEPER_LIVE).pid;
  return ends[0];
}

static int ask(int fd) {
  int answer = -1;
  CHECK(write(fd, "?", 1) == 1);
  CHECK(read(fd, &answer, sizeof answer) == (ssize_t)sizeof answer);
  return answer;
}

int main(void) {
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  pid_t keeper = fork();
  if (keeper == 0) {
    close(ends[0]);
    _exit(halo_keeper_run(ends[1], body, NULL) == 0 ? 0 : 1);
  }
  close(ends[1]);
  int control = ends[0];
  pid_t first, second, third;

  int fd = begin(control, HALO_KEEPER_START, 0, &first);
  CHECK(write(fd, "++1+", 4) == 4);
  CHECK(expect(control, HALO_KEEPER_FROZEN).id == 1);
  CHECK(ask(fd) == 3);

  /* Killed: as it was when it was frozen, twice; raise() reaches the copy itself. */
  CHECK(kill(first, SIGKILL) == 0);
  struct halo_keeper_message died = expect(control, HALO_KEEPER_DIED);
  CHECK(died.pid == first && WIFSIGNALED(died.status) && WTERMSIG(died.status) == SIGKILL);
  close(fd);
  fd = begin(control, HALO_KEEPER_THAW, 1, &second);
  CHECK(second != first && ask(fd) == 2);
  CHECK(write(fd, "+2+x", 4) == 4);
  CHECK(expect(control, HALO_KEEPER_FROZEN).id == 2);
  died = expect(control, HALO_KEEPER_DIED);
  CHECK(died.pid == second && WIFEXITED(died.status) && WEXITSTATUS(died.status) == 4 && died.id == 0);
  close(fd);
  fd = begin(control, HALO_KEEPER_THAW, 1, &second);
  CHECK(ask(fd) == 2);
  CHECK(write(fd, "t", 1) == 1);
  died = expect(control, HALO_KEEPER_DIED);
  CHECK(died.pid == second && WIFSIGNALED(died.status) && WTERMSIG(died.status) == SIGUSR1);
  close(fd);

  /* The keeper takes no harm from its children; one that becomes another program is told apart. */
  fd = begin(control, HALO_KEEPER_THAW, 1, &second);
  CHECK(write(fd, "ke", 2) == 2);
  died = expect(control, HALO_KEEPER_DIED);
  CHECK(died.pid == second && WIFEXITED(died.status) && WEXITSTATUS(died.status) == 0 && died.id == 1);
  close(fd);

  /* The other one; a dropped one is lost; what was never there cannot be thawed. */
  fd = begin(control, HALO_KEEPER_THAW, 2, &third);
  CHECK(ask(fd) == 3);
  order(control, HALO_KEEPER_DROP, 1, -1);
  CHECK(expect(control, HALO_KEEPER_LOST).id == 1);
  order(control, HALO_KEEPER_THAW, 1, -1);
  CHECK(expect(control, HALO_KEEPER_LOST).id == 1);
  order(control, HALO_KEEPER_KILL, 0, -1);
  CHECK(expect(control, HALO_KEEPER_DIED).pid == third);
  close(fd);

  /* Without us nothing is left. */
  fd = begin(control, HALO_KEEPER_THAW, 2, &third);
  CHECK(ask(fd) == 3);
  close(control);
  int status;
  CHECK(waitpid(keeper, &status, 0) == keeper && status == 0);
  CHECK(kill(third, 0) < 0 && errno == ESRCH);
  return 0;
}
