/* identity.h: the ids the program runs under, followed by the monitor's thread.
 *
 * libc tells a program's other threads about setuid by a signal; it does not know this thread.
 * Monitor thread only.
 */
#ifndef HALO_MONITOR_IDENTITY_H
#define HALO_MONITOR_IDENTITY_H

#include <stdbool.h>

/* Takes over the ids of the program's first thread if they differ. False: that failed, or the ids
 * can not be read; the monitor must end. *is_confined: see halo_threads_is_confined, of the first thread. */
bool halo_identity_follow(bool *is_confined);

#endif
