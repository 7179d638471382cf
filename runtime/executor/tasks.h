/* executor/tasks.h: how many threads this process has; 0: /proc does not tell. */
#ifndef HALO_EXECUTOR_TASKS_H
#define HALO_EXECUTOR_TASKS_H

#include <stdint.h>

uint64_t halo_tasks_count(void);

#endif
