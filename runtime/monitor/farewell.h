/* farewell.h: a word that outlives the process and says that it ended in order.
 *
 * The word is in a memfd named halo-farewell, among the descriptors that only the monitor's thread
 * has (/proc/PID/task/TID/fd): a controller of the same user opens it while the process lives and
 * reads it afterwards: 0, or 1 if exit() got as far as this image's destructors. The controller
 * then knows an end in order from a crash, a kill, _exit or exec.
 *
 * Saying it is one store: whoever exits may be confined (seccomp) to system calls of its own, and
 * must not wait for anybody.
 */
#ifndef HALO_MONITOR_FAREWELL_H
#define HALO_MONITOR_FAREWELL_H

/* On the monitor's thread, before a controller is answered. Without the kernel's help there is no
 * word. May be called again in a forked child: it gets one of its own. */
void halo_farewell_begin(void);
/* On the thread that exits. Nothing happens in a child that fork left without a monitor. */
void halo_farewell_say(void);

#endif
