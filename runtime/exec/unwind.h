/* exec/unwind.h: which registries unwind.c tells of tables; private to exec/. */
#ifndef HALO_EXEC_UNWIND_H
#define HALO_EXEC_UNWIND_H

#include "index.h"

/* Each returns how many registries are known. One that is incomplete or known is left out. */
size_t halo_unwind_tell(struct halo_registry registry);
size_t halo_unwind_tell_own(void); /* the program's own, by weak reference */
/* Called at the first section, as long as there is no registry. */
void halo_unwind_on_demand(int (*prepare)(bool may_load));

#endif
