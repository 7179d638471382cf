/* Servers that go away, come back, talk nonsense, or are somebody else's: the program keeps its
 * results, deployed variants survive a lost server and not a broken one. */
#include "monitor_controller.h"
#include "monitor_patchable.h"

PATCHABLE(plain_entry, PLAIN, 1);
BITCODE;
SYMBOL(1, 0, "plain_entry");

static uint64_t variant(uint64_t x) { return x + 2; }
static uint64_t (*volatile call_plain)(uint64_t) = plain_entry;

static void wait_until(uint64_t expected) {
  while (call_plain(0) != expected)
    poll(NULL, 0, 1);
}

int main(int argc, char **argv) {
  (void)argc;
  controller_begin(argv);
  struct controller controller;
  controller_accept(&controller);
  CHECK_EQUAL(controller_patch(&controller, (uintptr_t)plain_entry, (uintptr_t)variant), 0);
  CHECK_EQUAL(call_plain(0), 2);

  close(controller.fd); /* killed, say */
  controller_accept(&controller);
  CHECK_EQUAL(call_plain(0), 2);
  /* The same entry again, by another server. */
  CHECK_EQUAL(controller_patch(&controller, (uintptr_t)plain_entry, 0), 0);
  CHECK_EQUAL(call_plain(0), 1);
  CHECK_EQUAL(controller_patch(&controller, (uintptr_t)plain_entry, (uintptr_t)variant), 0);

  /* In the middle of a message. */
  struct controller_frame frame = {1000, 3, 99, 0};
  CHECK(send(controller.fd, &frame, sizeof frame, 0) == sizeof frame);
  close(controller.fd);
  controller_accept(&controller);
  CHECK_EQUAL(call_plain(0), 2);

  /* Not a Halo server at all: back to the originals. */
  CHECK(send(controller.fd, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", 47, 0) == 47);
  wait_until(1);
  close(controller.fd);
  controller_accept(&controller);
  CHECK_EQUAL(controller_patch(&controller, (uintptr_t)plain_entry, (uintptr_t)variant), 0);

  /* Nobody listens for a while. */
  close(controller.fd);
  close(controller_listener);
  poll(NULL, 0, 300);
  CHECK_EQUAL(call_plain(0), 2);
  controller_listen();
  controller_accept(&controller);
  CHECK_EQUAL(controller_patch(&controller, (uintptr_t)plain_entry, 0), 0);
  CHECK_EQUAL(call_plain(0), 1);
  return 0;
}
