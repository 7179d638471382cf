/* One session, several threads: whoever reads, everybody gets an answer. */
#include "session_peer.h"
#include "wire/wrapper.h"

#include <pthread.h>
#include <semaphore.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static void take(void *context) { pthread_mutex_lock(context); }
static void yield(void *context) { pthread_mutex_unlock(context); }

#define CALLERS 8
#define CALLS 200

static void *call_often(void *context) {
  struct halo_session *session = context;
  struct halo_writer result = {0};
  for (uint64_t i = 0; i < CALLS; i++) {
    uint64_t sent = (uint64_t)(uintptr_t)&result ^ i, back;
    halo_writer_reset(&result);
    CHECK_EQUAL(halo_session_call(session, 0x88, &sent, sizeof sent, &result), 0);
    CHECK_EQUAL(result.bytes, sizeof back);
    memcpy(&back, result.data, sizeof back);
    CHECK(back == ~sent);
  }
  halo_writer_free(&result);
  return NULL;
}

static void *answer_all(void *context) {
  int fd = *(int *)context;
  for (int i = 0; i < CALLERS * CALLS; i++) {
    uint64_t value;
    struct frame frame = get(fd, &value, sizeof value);
    CHECK(frame.opcode == CALL && frame.tag == 0x88);
    value = ~value;
    put(fd, RESULT, frame.sequence, 0, &value, sizeof value);
  }
  return NULL;
}

/* The owner either runs its loop or is away in foreign code: callers get their answers both ways. */
static void threads_share_a_session(bool is_owner_away) {
  int peer;
  struct halo_session_options options = {.take_turn = take, .yield_turn = yield, .context = &turn};
  struct halo_session *session = peer_open(&peer, options);
  pthread_t callers[CALLERS], answerer;
  if (is_owner_away) {
    halo_session_take_turn(session);
    halo_session_yield_turn(session);
  }
  CHECK(pthread_create(&answerer, NULL, answer_all, &peer) == 0);
  for (int i = 0; i < CALLERS; i++)
    CHECK(pthread_create(&callers[i], NULL, call_often, session) == 0);
  if (!is_owner_away) {
    while (pthread_tryjoin_np(answerer, NULL) != 0) {
      halo_session_wait(session, 1000000);
      CHECK_EQUAL(halo_session_step(session), 1);
    }
    CHECK_EQUAL(halo_session_step(session), 1);
  } else {
    pthread_join(answerer, NULL);
  }
  for (int i = 0; i < CALLERS; i++)
    pthread_join(callers[i], NULL);
  halo_session_close(session);
  close(peer);
}

/* ---- frames for several threads in one read ---- */

/* Thread A reads the answers to A and B. B has looked into an empty inbox and has given up its turn,
 * but is held back from sleeping until A has read: the descriptor is never readable again for it. */
struct pair {
  struct halo_session *session;
  sem_t b_is_leaving, a_has_read, b_has_answer;
};
static struct pair pair;
static _Thread_local bool is_held;

static void yield_held(void *context) {
  pthread_mutex_unlock(context);
  if (is_held) {
    is_held = false;
    CHECK(sem_post(&pair.b_is_leaving) == 0);
    CHECK(sem_wait(&pair.a_has_read) == 0);
  }
}

static void call_as(char name) {
  struct halo_writer result = {0};
  CHECK_EQUAL(halo_session_call(pair.session, 0x99, &name, 1, &result), 0);
  CHECK(result.bytes == 1 && result.data[0] == (uint8_t)name);
  halo_writer_free(&result);
}

static void *call_a(void *context) {
  (void)context;
  call_as('a');
  return NULL;
}

static void *call_b(void *context) {
  (void)context;
  is_held = true;
  call_as('b');
  CHECK(sem_post(&pair.b_has_answer) == 0);
  return NULL;
}

/* Runs on A, which has left B's answer in the inbox; needs B to go on. */
static struct halo_wrapper_result wait_for_b(const char *arguments, size_t bytes) {
  (void)arguments;
  (void)bytes;
  CHECK(sem_post(&pair.a_has_read) == 0);
  CHECK(sem_wait(&pair.b_has_answer) == 0);
  return (struct halo_wrapper_result){.data.bytes = "done", .size = 4};
}

static void pair_begin(int *peer, struct frame *a, struct frame *b, pthread_t threads[2]) {
  struct halo_session_options options = {
      .take_turn = take, .yield_turn = yield_held, .context = &turn, .allows_any_wrapper = true};
  char name;
  CHECK(sem_init(&pair.b_is_leaving, 0, 0) == 0 && sem_init(&pair.a_has_read, 0, 0) == 0 &&
        sem_init(&pair.b_has_answer, 0, 0) == 0);
  pair.session = peer_open(peer, options);
  halo_session_take_turn(pair.session); /* the owner is away */
  halo_session_yield_turn(pair.session);
  CHECK(pthread_create(&threads[1], NULL, call_b, NULL) == 0);
  CHECK(sem_wait(&pair.b_is_leaving) == 0);
  *b = get(*peer, &name, 1);
  CHECK(pthread_create(&threads[0], NULL, call_a, NULL) == 0);
  *a = get(*peer, &name, 1);
}

static void a_reader_that_leaves_hands_over(void) {
  int peer;
  struct frame a, b;
  pthread_t threads[2];
  pair_begin(&peer, &a, &b, threads);
  char both[2 * (sizeof a + 1)];
  size_t bytes = add_frame(both, (struct frame){sizeof a + 1, RESULT, a.sequence, 0}, 'a');
  bytes += add_frame(both + bytes, (struct frame){sizeof b + 1, RESULT, b.sequence, 0}, 'b');
  CHECK(write(peer, both, bytes) == (ssize_t)bytes);
  pthread_join(threads[0], NULL);
  CHECK(sem_post(&pair.a_has_read) == 0);
  pthread_join(threads[1], NULL);
  halo_session_close(pair.session);
  close(peer);
}

static void a_reader_in_foreign_code_hands_over(void) {
  int peer;
  struct frame a, b;
  pthread_t threads[2];
  char done[8];
  pair_begin(&peer, &a, &b, threads);
  char both[2 * (sizeof a + 1)];
  size_t bytes = add_frame(both, (struct frame){sizeof a + 1, CALL, 5, (uint64_t)(uintptr_t)wait_for_b}, 0);
  bytes += add_frame(both + bytes, (struct frame){sizeof b + 1, RESULT, b.sequence, 0}, 'b');
  CHECK(write(peer, both, bytes) == (ssize_t)bytes);
  struct frame result = get(peer, done, sizeof done);
  CHECK(result.opcode == RESULT && result.sequence == 5 && memcmp(done, "done", 4) == 0);
  put(peer, RESULT, a.sequence, 0, "a", 1);
  pthread_join(threads[0], NULL);
  pthread_join(threads[1], NULL);
  halo_session_close(pair.session);
  close(peer);
}

int main(void) {
  RUN(threads_share_a_session(false));
  RUN(threads_share_a_session(true));
  RUN(a_reader_that_leaves_hands_over());
  RUN(a_reader_in_foreign_code_hands_over());
  return 0;
}
