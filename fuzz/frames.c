/* fuzz/frames.c: libFuzzer target: what a controller sends, against the session and its services.
 *
 * The input is a byte stream as it would come from the wire, with two helps that let the fuzzer
 * reach the services: a frame's tag n stands for the n-th service, and an Instance argument of 1
 * for the arena. Services that write to any address are left out: they do what they are told.
 */
#include "exec/arena.h"
#include "halo/exec.h"
#include "halo/protocol.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVICES 32
#define INPUT_LIMIT_BYTES (64u << 10) /* fits a socket's buffer: one thread does both sides */

static struct halo_arena arena;
static struct halo_service services[SERVICES];
static size_t service_count;

static int echo(struct halo_call *call) {
  halo_write_raw(call->out, call->in.at, (size_t)(call->in.end - call->in.at));
  return 0;
}

static void offer(const struct halo_service *from, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (from[i].run && !strstr(from[i].name, "mem_write"))
      services[service_count++] = from[i];
}

static void set_up(void) {
  static const struct halo_service own[] = {{"echo", echo, 0, NULL}};
  size_t count;
  const struct halo_service *table = halo_memory_services(&count);
  offer(table, count);
  table = halo_access_services(&count);
  offer(table, count);
  offer(own, 1);
  halo_arena_init(&arena, 0, 0);
  arena.limit_bytes = 16 << 20;
  halo_memory_allow_arena(&arena);
}

/* Numbers in frame headers become addresses, as far as the headers make sense. */
static void fill_in_addresses(uint8_t *data, size_t bytes) {
  uint64_t header[4], instance;
  for (size_t at = 0; bytes - at >= sizeof header; at += (size_t)header[0]) {
    memcpy(header, data + at, sizeof header);
    if (header[3] < service_count) {
      header[3] = (uint64_t)(uintptr_t)services[header[3]].run;
      memcpy(data + at, header, sizeof header);
    }
    if (bytes - at >= sizeof header + sizeof instance) {
      memcpy(&instance, data + at + sizeof header, sizeof instance);
      if (instance == 1) {
        instance = (uint64_t)(uintptr_t)&arena;
        memcpy(data + at + sizeof header, &instance, sizeof instance);
      }
    }
    if (header[0] < sizeof header || header[0] > bytes - at)
      break;
  }
}

static void drain(int fd) {
  char discard[16384];
  while (recv(fd, discard, sizeof discard, MSG_DONTWAIT) > 0)
    ;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes) {
  int pair[2];
  if (!service_count)
    set_up();
  if (bytes > INPUT_LIMIT_BYTES || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
    return 0;
  uint8_t *data = malloc(bytes ? bytes : 1);
  if (bytes)
    memcpy(data, input, bytes);
  fill_in_addresses(data, bytes);
  struct halo_session_options options = {.triple = "fuzz",
                                         .page_bytes = 4096,
                                         .services = services,
                                         .service_count = service_count,
                                         .frame_limit_bytes = INPUT_LIMIT_BYTES,
                                         .stall_limit_ns = 1};
  struct halo_session *session = halo_session_open(pair[0], pair[0], &options);
  if (session) {
    drain(pair[1]);
    size_t half = bytes / 2; /* a frame that comes in two pieces */
    if (write(pair[1], data, half) == (ssize_t)half && halo_session_step(session) == 1) {
      drain(pair[1]);
      if (write(pair[1], data + half, bytes - half) == (ssize_t)(bytes - half))
        halo_session_step(session);
    }
    close(pair[1]);
    halo_session_close(session);
  }
  while (arena.blocks)
    halo_arena_release(&arena, arena.blocks->address);
  free(data);
  return 0;
}
