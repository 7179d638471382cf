/* executor/remote.h: a keeper for a front that cannot pass descriptors: it is on another machine.
 *
 *   front ════ control ════▶ this process ──orders, descriptors──▶ keeper ── live, frozen
 *         ◀═ events, output ═     ▲ pipes: standard input, output and error ──▶ │
 *   interpreter ══ one connection for each live process ═╝──────────────────────▶ │
 *
 * A control connection begins as any controller's. A front calls "halo_keep" () -> Error, is answered and
 * hung up on, and from then on the connection carries struct halo_keeper_message, each with `bytes`
 * bytes behind it: the orders and events of halo/keeper.h and those below. START and THAW have a
 * token behind them; the live process gets the connection that begins with that token.
 */
#ifndef HALO_EXECUTOR_REMOTE_H
#define HALO_EXECUTOR_REMOTE_H

#include "halo/keeper.h"
#include "halo/session.h"

#define HALO_REMOTE_TOKEN_BYTES 16
#define HALO_REMOTE_PIECE_BYTES 32768 /* behind one message, at most */

enum halo_remote_kind {
  /* orders */
  HALO_REMOTE_INPUT = 8, /* for standard input; no bytes: it has ended. The next only after TAKEN */
  HALO_REMOTE_PING = 9,  /* id */
  /* events */
  HALO_REMOTE_OUTPUT = 24, /* status: 1, standard output, or 2, standard error */
  HALO_REMOTE_TAKEN = 25,  /* the last INPUT is written */
  HALO_REMOTE_PONG = 26,   /* id; whatever was printed when the PING came is sent */
};

/* The service, for a process that listens. */
const struct halo_service *halo_remote_services(size_t *count);

/* The control connection that a front has asked for, now the caller's; -1: none has. */
int halo_remote_take(void);

/* Serves one front until it hangs up, then ends all that it kept. Takes `control` over. Returns in
 * this process only, with the connection of a front that waits for its turn, or -1; live processes
 * run `body` and exit with its result. */
int halo_remote_serve(int control, int listener, halo_keeper_body *body, void *context);

#endif
