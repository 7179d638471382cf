/* keeper/sibling.h: forks that libc does not see, and messages with descriptors. Private to keeper/. */
#ifndef HALO_KEEPER_SIBLING_H
#define HALO_KEEPER_SIBLING_H

#include "halo/keeper.h"

#include <stdbool.h>

/* Forks this process of one thread; the child is the caller's child, or its sibling. It gets no
 * pthread_atfork handlers, dies with its parent, and libc knows its thread id. The pid, 0 in the
 * child, or -errno. *pidfd: in the caller. */
long halo_keeper_fork(bool is_sibling, int *pidfd);

/* In a live process: where its reports go. */
void halo_keeper_attach(int reports);

/* Sends one message; 0 or -errno. */
int halo_keeper_send(int to, const struct halo_keeper_message *message, const int *descriptors, size_t count);

/* Receives one message. 1; 0 at the end; -errno; -EPROTO: what came is no message, and was dropped. */
int halo_keeper_receive(int from, struct halo_keeper_message *message, int *descriptors, size_t *count,
                        int flags);

#endif
