/* executor/offsets.h: how far regular files have been read and written.
 *
 * A fork shares its parent's open files, offsets too. A frozen copy notes them, and sets them again
 * when it is thawed, so that what happened in between is read again and written over. Standard
 * output and error are left alone: what was shown stays. On the main thread.
 */
#ifndef HALO_EXECUTOR_OFFSETS_H
#define HALO_EXECUTOR_OFFSETS_H

/* Files beyond what there is memory for keep their offsets. */
void halo_offsets_note(void);
void halo_offsets_restore(void);

#endif
