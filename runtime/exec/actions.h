/* exec/actions.h: what a controller wants done when linked code is in place, and when it goes.
 *
 * In: a request's list of pairs (SPS: u64 function, argument bytes; twice). A function that is 0 is
 * skipped. They are reached through the session by tag; each answers an SPSError.
 */
#ifndef HALO_EXEC_ACTIONS_H
#define HALO_EXEC_ACTIONS_H

#include "halo/session.h"
#include "halo/text.h"

/* Runs the first halves in order and appends the second ones to `dealloc`. After a failure the
 * second halves so far are run, and `why` says what failed. */
bool halo_actions_run(struct halo_session *session, struct halo_reader *in, struct halo_writer *dealloc,
                      struct halo_text *why);
/* Runs second halves from last to first. All are run even when some fail; the first message is kept. */
void halo_actions_undo(struct halo_session *session, struct halo_reader all, struct halo_text *why);
/* Reads over the list; `in` is bad after it if it is malformed. */
void halo_actions_skip(struct halo_reader *in);

#endif
