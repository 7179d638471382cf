/* Loopback: a server of the same user is taken, one of another user is hung up on before a byte is
 * said (needs root to play that other user).
 */
#include "check.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int listen_on_loopback(unsigned *port) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t bytes = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
  CHECK(listen(fd, 8) == 0 && getsockname(fd, (struct sockaddr *)&address, &bytes) == 0);
  *port = ntohs(address.sin_port);
  return fd;
}

/* Another run of this program, which waits to be killed. */
static pid_t start_program(const char *server) {
  pid_t program = fork();
  if (program == 0) {
    setenv("HALO_SERVER", server, 1);
    alarm(CASE_LIMIT_S); /* in case that nobody is left to kill it */
    execl("/proc/self/exe", "program", "wait", (char *)NULL);
    _exit(127);
  }
  return program;
}

static void end_program(pid_t program) {
  kill(program, 9);
  CHECK(waitpid(program, NULL, 0) == program);
}

/* The first bytes a monitor says; 0: it hung up in silence. */
static ssize_t first_words(int listener) {
  struct pollfd wait = {.fd = listener, .events = POLLIN};
  CHECK(poll(&wait, 1, 20000) == 1);
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  CHECK(fd >= 0);
  uint64_t frame[4];
  ssize_t bytes = recv(fd, frame, sizeof frame, MSG_WAITALL);
  close(fd);
  return bytes;
}

static void check_own_server(const char *form) {
  unsigned port;
  char server[64];
  int listener = listen_on_loopback(&port);
  snprintf(server, sizeof server, form, port);
  pid_t program = start_program(server);
  CHECK_EQUAL(first_words(listener), 32);
  end_program(program);
  close(listener);
}

static void check_other_users_server(void) {
  int ports[2];
  CHECK(pipe(ports) == 0);
  pid_t other = fork();
  if (other == 0) {
    unsigned port;
    CHECK(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
    int listener = listen_on_loopback(&port);
    CHECK(write(ports[1], &port, sizeof port) == sizeof port);
    _exit(first_words(listener) <= 0 ? 0 : 1);
  }
  unsigned port;
  CHECK(read(ports[0], &port, sizeof port) == sizeof port);
  char server[64];
  snprintf(server, sizeof server, "127.0.0.1:%u", port);
  pid_t program = start_program(server);
  int status;
  CHECK(waitpid(other, &status, 0) == other);
  CHECK_EQUAL(status, 0);
  end_program(program);
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "wait"))
    for (;;)
      pause();
  unsetenv("HALO_DISABLE");
  RUN(check_own_server("127.0.0.1:%u"));
  RUN(check_own_server("localhost:%u"));
  RUN(check_own_server(":%u"));
  if (getuid() == 0)
    RUN(check_other_users_server());
  return 0;
}
