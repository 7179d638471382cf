/* unwinder.h: finds the program's unwinder, for exec's unwind tables. Monitor thread only. */
#ifndef HALO_MONITOR_UNWINDER_H
#define HALO_MONITOR_UNWINDER_H

void halo_unwinder_begin(void);
/* A library that was opened may have brought one; tables linked before are then made known to it. */
void halo_unwinder_refresh(void);

#endif
