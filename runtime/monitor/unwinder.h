/* unwinder.h: finds the program's unwinder, for exec's unwind tables. */
#ifndef HALO_MONITOR_UNWINDER_H
#define HALO_MONITOR_UNWINDER_H

/* On the program's own thread, before the monitor's starts: takes the unwinder's lock. */
void halo_unwinder_begin(void);
/* Monitor thread: says what begin could not. */
void halo_unwinder_report(void);
/* Monitor thread: notices an unwinder that a library opened since then has brought. */
void halo_unwinder_refresh(void);

#endif
