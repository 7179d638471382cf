/* monitor_controller.h: a controller for tests of the monitor, over the real wire.
 *
 * The test program is the monitored program and the controller at once: controller_begin runs the
 * program anew with HALO_SERVER set to a Unix socket of its own, and waits for the monitor there.
 */
#ifndef HALO_TESTS_MONITOR_CONTROLLER_H
#define HALO_TESTS_MONITOR_CONTROLLER_H

#include "check.h"
#include "halo/protocol.h"
#include "halo/wire.h"

#include <errno.h> /* program_invocation_short_name */
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct controller_frame {
  uint64_t bytes, opcode, sequence, tag;
};

struct controller {
  int fd;
  uint64_t sequence;
  uint8_t setup[65536];
  size_t setup_bytes;
  uint8_t *result; /* of the last call */
};

static char controller_directory[] = "/tmp/halo-test-XXXXXX";
static char controller_path[64];
static int controller_listener = -1;

static inline void controller_listen(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  unlink(controller_path);
  strcpy(address.sun_path, controller_path);
  controller_listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(bind(controller_listener, (struct sockaddr *)&address, sizeof address) == 0);
  CHECK(listen(controller_listener, 16) == 0);
}

static inline void controller_remove(void) {
  unlink(controller_path);
  rmdir(controller_directory);
}

/* In the first run: sets the environment and runs the program again as a child, whose exit status
 * it takes over. In the second: listens. */
static inline void controller_begin(char **argv) {
  const char *server = getenv("HALO_SERVER");
  if (server && !strncmp(server, "unix:/tmp/halo-test-", 20)) {
    strcpy(controller_path, server + 5);
    case_begin(program_invocation_short_name);
    controller_listen();
    return;
  }
  CHECK(mkdtemp(controller_directory));
  sprintf(controller_path, "%s/s", controller_directory);
  char setting[80];
  sprintf(setting, "unix:%s", controller_path);
  setenv("HALO_SERVER", setting, 1);
  setenv("HALO_DISABLE", "0", 1);
  pid_t child = fork();
  if (child == 0) {
    execv("/proc/self/exe", argv);
    _exit(127);
  }
  int status;
  waitpid(child, &status, 0);
  controller_remove();
  exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static inline void controller_read(int fd, void *to, size_t bytes) {
  for (size_t have = 0; have < bytes;) {
    ssize_t got = read(fd, (char *)to + have, bytes - have);
    CHECK(got > 0);
    have += (size_t)got;
  }
}

/* Waits for a monitor and takes its Setup. */
static inline void controller_accept(struct controller *controller) {
  struct pollfd wait = {.fd = controller_listener, .events = POLLIN};
  CHECK(poll(&wait, 1, 20000) == 1);
  memset(controller, 0, sizeof *controller);
  controller->fd = accept4(controller_listener, NULL, NULL, SOCK_CLOEXEC);
  CHECK(controller->fd >= 0);
  struct controller_frame frame;
  controller_read(controller->fd, &frame, sizeof frame);
  CHECK_EQUAL(frame.opcode, 0);
  controller->setup_bytes = frame.bytes - sizeof frame;
  CHECK(controller->setup_bytes <= sizeof controller->setup);
  controller_read(controller->fd, controller->setup, controller->setup_bytes);
}

/* A bootstrap symbol's address; 0: there is none. */
static inline uint64_t controller_symbol(struct controller *controller, const char *name) {
  struct halo_reader setup = halo_reader_over(controller->setup, controller->setup_bytes);
  halo_read_bytes(&setup); /* triple */
  halo_read_u64(&setup);   /* page size */
  halo_read_u64(&setup);   /* empty bootstrap map */
  uint64_t count = halo_read_count(&setup, 16);
  for (uint64_t i = 0; i < count; i++) {
    struct halo_view symbol = halo_read_bytes(&setup);
    uint64_t address = halo_read_u64(&setup);
    if (symbol.bytes == strlen(name) && !memcmp(symbol.data, name, symbol.bytes))
      return address;
  }
  return 0;
}

/* Calls a service; the reader is over its result, valid until the next call. */
static inline struct halo_reader controller_call(struct controller *controller, const char *name,
                                                 const struct halo_writer *arguments) {
  uint64_t tag = controller_symbol(controller, name);
  CHECK(tag != 0);
  size_t bytes = arguments ? arguments->bytes : 0;
  struct controller_frame frame = {sizeof frame + bytes, 3, ++controller->sequence, tag};
  CHECK(send(controller->fd, &frame, sizeof frame, MSG_NOSIGNAL) == sizeof frame);
  CHECK(bytes == 0 || send(controller->fd, arguments->data, bytes, MSG_NOSIGNAL) == (ssize_t)bytes);
  controller_read(controller->fd, &frame, sizeof frame);
  CHECK_EQUAL(frame.opcode, 2);
  CHECK_EQUAL(frame.sequence, controller->sequence);
  controller->result = realloc(controller->result, frame.bytes);
  controller_read(controller->fd, controller->result, frame.bytes - sizeof frame);
  return halo_reader_over(controller->result, frame.bytes - sizeof frame);
}

/* The same, past the u8 that says success. */
static inline struct halo_reader controller_expect(struct controller *controller, const char *name,
                                                   const struct halo_writer *arguments) {
  struct halo_reader result = controller_call(controller, name, arguments);
  uint8_t has_value = halo_read_u8(&result);
  if (!has_value) {
    struct halo_view why = halo_read_bytes(&result);
    fprintf(stderr, "%s: %.*s\n", name, (int)why.bytes, (const char *)why.data);
  }
  CHECK(has_value == 1);
  return result;
}

/* halo_patch of one entry: its status. */
static inline int controller_patch(struct controller *controller, uint64_t entry, uint64_t target) {
  struct halo_writer arguments = {0};
  halo_write_u64(&arguments, 1);
  halo_write_u64(&arguments, entry);
  halo_write_u64(&arguments, target);
  struct halo_reader result = controller_expect(controller, "halo_patch", &arguments);
  halo_writer_free(&arguments);
  CHECK_EQUAL(halo_read_u64(&result), 1);
  return (int)halo_read_u32(&result);
}

#endif
