/* exec/loader.c: finds the unwinder with the help of the dynamic loader, for the stand-alone executor.
 *
 * Apart from unwind.c, so that the monitor's object names neither dlopen nor dlsym.
 */
#include "halo/exec.h"
#include "unwind.h"

#include <dlfcn.h>
#include <string.h>

/* Weak, so that a static executable is not made to carry the dynamic loader. */
extern void *dlopen(const char *path, int mode) __attribute__((weak));
extern void *dlsym(void *handle, const char *name) __attribute__((weak));

static size_t tell_from(void *handle) {
  struct halo_registry registry = {0};
  /* dlsym gives data pointers; POSIX guarantees that they hold functions. */
  void *symbol = dlsym(handle, "__register_frame_info");
  memcpy(&registry.add, &symbol, sizeof symbol);
  symbol = dlsym(handle, "__deregister_frame_info");
  memcpy(&registry.remove, &symbol, sizeof symbol);
  return halo_unwind_tell(registry);
}

int halo_unwind_prepare(bool may_load) {
  size_t known = halo_unwind_tell_own();
  if (dlopen && dlsym) {
    void *loaded = dlopen("libgcc_s.so.1", RTLD_LAZY | RTLD_NOLOAD);
    if (!loaded && known == 0)
      known = tell_from(RTLD_DEFAULT); /* another unwinder with the same interface */
    if (!loaded && known == 0 && may_load)
      loaded = dlopen("libgcc_s.so.1", RTLD_LAZY);
    if (loaded)
      known = tell_from(loaded); /* the handle is kept: the library must stay */
  }
  return (int)known;
}

void halo_unwind_prepare_on_demand(void) { halo_unwind_on_demand(halo_unwind_prepare); }
