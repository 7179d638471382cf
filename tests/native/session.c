/* The session, against a peer that is polite, rude or slow; session_threads.c has several threads. */
#include "session_peer.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

/* ---- services under test ---- */

static int echo(struct halo_call *call) {
  halo_write_raw(call->out, call->in.at, (size_t)(call->in.end - call->in.at));
  return 0;
}
static int refuse(struct halo_call *call) {
  halo_write_string(call->out, "this must not be sent");
  return HALO_E_REFUSED;
}
static int cannot_tell(struct halo_call *call) {
  call->must_hang_up = true;
  return HALO_E_REFUSED;
}
static int nested(struct halo_call *call) { /* asks the controller, adds its answer */
  return halo_session_call(call->session, 0x77, "ask", 3, call->out);
}
static const struct halo_service services[] = {{"echo", echo, 0, NULL},
                                               {"refuse", refuse, 0, NULL},
                                               {"cannot_tell", cannot_tell, 0, NULL},
                                               {"nested", nested, 0, NULL},
                                               {"number", NULL, 4711, NULL}};

static uint64_t tag_of(halo_service_fn *run) { return (uint64_t)(uintptr_t)run; }

static struct halo_session *open_session(int *peer, struct halo_session_options options) {
  options.services = services;
  options.service_count = sizeof services / sizeof services[0];
  return peer_open(peer, options);
}

/* ---- tests ---- */

static void setup_names_every_service(void) {
  int pair[2];
  uint8_t payload[4096];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  struct halo_session_options options = {
      .triple = "t", .page_bytes = 4096, .services = services, .service_count = 5};
  struct halo_session *session = halo_session_open(pair[0], pair[0], &options);
  struct frame frame = get(pair[1], payload, sizeof payload);
  CHECK(frame.opcode == SETUP && frame.sequence == 0 && frame.tag == 0);
  struct halo_reader reader = halo_reader_over(payload, frame.bytes - sizeof frame);
  CHECK_EQUAL(halo_read_bytes(&reader).bytes, 1);
  CHECK_EQUAL(halo_read_u64(&reader), 4096);
  CHECK_EQUAL(halo_read_u64(&reader), 0);
  CHECK_EQUAL(halo_read_u64(&reader), 5);
  for (size_t i = 0; i < 5; i++) {
    struct halo_view name = halo_read_bytes(&reader);
    CHECK(name.bytes == strlen(services[i].name) && memcmp(name.data, services[i].name, name.bytes) == 0);
    uint64_t address = halo_read_u64(&reader);
    CHECK(address == (services[i].run ? tag_of(services[i].run) : 4711));
  }
  CHECK(!reader.is_bad && reader.at == reader.end);
  halo_session_close(session);
  frame = get(pair[1], payload, sizeof payload);
  CHECK(frame.opcode == HANGUP && payload[0] == 0);
  CHECK_EQUAL(read(pair[1], payload, 1), 0);
  close(pair[1]);
}

static void answers_many_calls_in_order(void) {
  int peer;
  char payload[64];
  struct halo_session *session = open_session(&peer, (struct halo_session_options){0});
  for (uint64_t i = 0; i < 100; i++)
    put(peer, CALL, i, tag_of(echo), &i, sizeof i);
  CHECK_EQUAL(halo_session_step(session), 1);
  for (uint64_t i = 0; i < 100; i++) {
    struct frame frame = get(peer, payload, sizeof payload);
    CHECK(frame.opcode == RESULT && frame.sequence == i && frame.tag == 0);
    CHECK(frame.bytes == 40 && memcmp(payload, &i, sizeof i) == 0);
  }
  close(peer);
  CHECK_EQUAL(halo_session_step(session), 0);
  halo_session_close(session);
}

static void failures_are_empty_results(void) {
  int peer;
  char payload[64];
  struct halo_session *session = open_session(&peer, (struct halo_session_options){0});
  put(peer, CALL, 1, tag_of(refuse), NULL, 0);
  put(peer, CALL, 2, 0xdead0, NULL, 0); /* no service, and wrappers are not allowed */
  CHECK_EQUAL(halo_session_step(session), 1);
  for (uint64_t i = 1; i <= 2; i++) {
    struct frame frame = get(peer, payload, sizeof payload);
    CHECK(frame.opcode == RESULT && frame.sequence == i && frame.bytes == sizeof frame);
  }
  CHECK(strstr(halo_session_error(session), "no such service"));
  put(peer, CALL, 3, tag_of(cannot_tell), NULL, 0);
  CHECK(halo_session_step(session) < 0);
  struct frame frame = get(peer, payload, sizeof payload);
  CHECK(frame.opcode == HANGUP && payload[0] == 1);
  halo_session_close(session);
  close(peer);
}

static void frames_may_come_byte_by_byte(void) {
  int peer;
  char payload[64];
  struct halo_session *session = open_session(&peer, (struct halo_session_options){0});
  struct frame frame = {sizeof frame + 5, CALL, 9, tag_of(echo)};
  char bytes[sizeof frame + 5];
  memcpy(bytes, &frame, sizeof frame);
  memcpy(bytes + sizeof frame, "slow!", 5);
  for (size_t i = 0; i < sizeof bytes; i++) {
    CHECK_EQUAL(write(peer, bytes + i, 1), 1);
    CHECK_EQUAL(halo_session_step(session), 1);
  }
  CHECK_EQUAL(get(peer, payload, sizeof payload).sequence, 9);
  CHECK(memcmp(payload, "slow!", 5) == 0);
  halo_session_close(session);
  close(peer);
}

static void expect_fault(const void *bytes, size_t count, bool then_close, const char *why) {
  int peer;
  struct halo_session_options options = {.frame_limit_bytes = 1 << 20};
  struct halo_session *session = open_session(&peer, options);
  CHECK(write(peer, bytes, count) == (ssize_t)count);
  if (then_close)
    shutdown(peer, SHUT_WR);
  CHECK(halo_session_step(session) < 0);
  CHECK(strstr(halo_session_error(session), why));
  CHECK(halo_session_step(session) < 0); /* and it stays so */
  struct halo_writer out = {0};
  CHECK(halo_session_call(session, 1, NULL, 0, &out) < 0);
  halo_session_close(session);
  close(peer);
}

static void garbage_ends_the_session(void) {
  char text[64] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n..............";
  struct frame tiny = {31, CALL, 0, 0}, huge = {(1 << 20) + 1, CALL, 0, 0}, strange = {32, 4, 0, 0},
               setup = {32, SETUP, 0, 0}, orphan = {32, RESULT, 5, 0}, tagged = {32, RESULT, 5, 1},
               cut = {100, CALL, 0, 0};
  expect_fault(text, sizeof text, false, "size limit");
  expect_fault(&tiny, sizeof tiny, false, "shorter");
  expect_fault(&huge, sizeof huge, false, "size limit");
  expect_fault(&strange, sizeof strange, false, "opcode");
  expect_fault(&setup, sizeof setup, false, "setup");
  expect_fault(&orphan, sizeof orphan, false, "no call");
  expect_fault(&tagged, sizeof tagged, false, "tag");
  expect_fault(&cut, sizeof cut, true, "inside a frame");
  expect_fault(&cut, 7, true, "inside a frame");
}

static void a_hangup_is_orderly_unless_it_says_why(void) {
  int peer;
  struct halo_session *session = open_session(&peer, (struct halo_session_options){0});
  put(peer, HANGUP, 0, 0, "\0", 1);
  CHECK_EQUAL(halo_session_step(session), 0);
  halo_session_close(session);
  close(peer);
  session = open_session(&peer, (struct halo_session_options){0});
  struct halo_writer why = {0};
  halo_write_u8(&why, 1);
  halo_write_string(&why, "out of patience");
  put(peer, HANGUP, 0, 0, why.data, why.bytes);
  CHECK(halo_session_step(session) < 0);
  CHECK(strstr(halo_session_error(session), "out of patience"));
  halo_writer_free(&why);
  halo_session_close(session);
  close(peer);
}

static void a_peer_that_does_not_read_is_given_up(void) {
  int peer;
  struct halo_session_options options = {.stall_limit_ns = 50000000};
  struct halo_session *session = open_session(&peer, options);
  static char payload[1 << 16];
  int status = 1;
  for (uint64_t i = 0; status == 1 && i < 1000; i++) {
    put(peer, CALL, i, tag_of(echo), payload, sizeof payload); /* and never reads the answers */
    status = halo_session_step(session);
  }
  CHECK(status < 0);
  CHECK(strstr(halo_session_error(session), "takes no data"));
  halo_session_close(session);
  close(peer);
}

struct slow_peer {
  int fd;
  size_t bytes;
};

static void *serve_nested(void *context) { /* answers the session's own call, late and in pieces */
  const struct slow_peer *slow = context;
  static char payload[8 << 20];
  struct frame ask = get(slow->fd, payload, sizeof payload);
  CHECK(ask.opcode == CALL && ask.tag == 0x77 && memcmp(payload, "ask", 3) == 0);
  put(slow->fd, CALL, 50, tag_of(echo), "inner", 5); /* a call within the call */
  struct frame inner = get(slow->fd, payload, sizeof payload);
  CHECK(inner.opcode == RESULT && inner.sequence == 50);
  for (size_t i = 0; i < slow->bytes; i++)
    payload[i] = (char)(i * 7);
  put(slow->fd, RESULT, ask.sequence, 0, payload, slow->bytes);
  struct frame outer = get(slow->fd, payload, sizeof payload);
  CHECK(outer.opcode == RESULT && outer.sequence == 49 && outer.bytes == 32 + slow->bytes);
  for (size_t i = 0; i < slow->bytes; i++)
    CHECK_EQUAL(payload[i], (char)(i * 7));
  put(slow->fd, HANGUP, 0, 0, "\0", 1);
  return NULL;
}

static void calls_nest_and_large_payloads_survive(size_t bytes) {
  int peer, status = 1;
  struct halo_session *session = open_session(&peer, (struct halo_session_options){0});
  struct slow_peer slow = {peer, bytes};
  pthread_t thread;
  put(peer, CALL, 49, tag_of(nested), NULL, 0);
  CHECK(pthread_create(&thread, NULL, serve_nested, &slow) == 0);
  while (status == 1) {
    CHECK(halo_session_wait(session, -1) == 1);
    status = halo_session_step(session);
  }
  CHECK_EQUAL(status, 0);
  pthread_join(thread, NULL);
  halo_session_close(session);
  close(peer);
}

static void pipes_raise_no_sigpipe(void) {
  int down[2], up[2];
  char setup[4096];
  CHECK(pipe(down) == 0 && pipe(up) == 0);
  struct halo_session_options options = {
      .triple = "t", .page_bytes = 4096, .services = services, .service_count = 5};
  struct halo_session *session = halo_session_open(down[0], up[1], &options);
  CHECK_EQUAL(get(up[0], setup, sizeof setup).opcode, SETUP);
  close(up[0]); /* nobody will read; the default action of SIGPIPE would end this test */
  put(down[1], CALL, 1, tag_of(echo), "x", 1);
  CHECK(halo_session_step(session) < 0);
  CHECK(strstr(halo_session_error(session), "writing"));
  sigset_t pending;
  CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGPIPE));
  halo_session_close(session);
  close(down[1]);
}

/* What the owner's own call has left in the inbox is there to read, before anything new comes. */
static void an_owner_does_not_wait_for_what_it_has(void) {
  int peer;
  struct halo_session *session = open_session(&peer, (struct halo_session_options){0});
  struct halo_writer answer = {0};
  char both[2 * (sizeof(struct frame) + 1)], echoed;
  size_t bytes = add_frame(both, (struct frame){sizeof(struct frame) + 1, RESULT, 1, 0}, 'a');
  bytes += add_frame(both + bytes, (struct frame){sizeof(struct frame) + 1, CALL, 7, tag_of(echo)}, 'e');
  CHECK(write(peer, both, bytes) == (ssize_t)bytes); /* to the first call, sequence 1 */
  CHECK_EQUAL(halo_session_call(session, 0x99, NULL, 0, &answer), 0);
  CHECK(answer.bytes == 1 && answer.data[0] == 'a');
  CHECK_EQUAL(halo_session_wait(session, -1), 1);
  CHECK_EQUAL(halo_session_step(session), 1);
  CHECK_EQUAL(get(peer, NULL, 0).opcode, CALL);
  CHECK(get(peer, &echoed, 1).sequence == 7 && echoed == 'e');
  halo_writer_free(&answer);
  halo_session_close(session);
  close(peer);
}

int main(void) {
  RUN(setup_names_every_service());
  RUN(answers_many_calls_in_order());
  RUN(failures_are_empty_results());
  RUN(frames_may_come_byte_by_byte());
  RUN(garbage_ends_the_session());
  RUN(a_hangup_is_orderly_unless_it_says_why());
  RUN(a_peer_that_does_not_read_is_given_up());
  RUN(calls_nest_and_large_payloads_survive(3));
  RUN(calls_nest_and_large_payloads_survive(5 << 20));
  RUN(pipes_raise_no_sigpipe());
  RUN(an_owner_does_not_wait_for_what_it_has());
  return 0;
}
