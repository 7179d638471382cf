/* farewell.c: two pages:
 *
 *     holder, private, empty in every child of fork    word, shared, absent in every child
 *     | address of the word |  ------------------->    | 0 or 1 |
 *
 * so that no child, however it was made, speaks for its parent or touches what it has not.
 */
#include "farewell.h"

#include "halo/sys.h"

#define PAGE 4096ul
#define DONT_FORK 10     /* MADV_DONTFORK */
#define WIPE_ON_FORK 18  /* MADV_WIPEONFORK, which old headers lack */
#define MEMFD_CLOEXEC 1u /* MFD_CLOEXEC */

static uint64_t **holder; /* a page, or null */

static void *map_word(int fd) {
  const uint64_t nothing = 0;
  /* Written before it is mapped: no room for the page is a failure here, a signal there. */
  if (HALO_SYS2(SYS_ftruncate, fd, PAGE) != 0 || halo_sys_pwrite(fd, &nothing, sizeof nothing, 0) <= 0)
    return NULL;
  long at = halo_sys_mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (halo_sys_failed(at))
    return NULL;
  if (halo_sys_madvise((void *)at, PAGE, DONT_FORK) == 0)
    return (void *)at;
  halo_sys_munmap((void *)at, PAGE);
  return NULL;
}

/* The descriptor stays open: it is what the controller opens. */
static uint64_t *make_word(void) {
  long fd = halo_sys_memfd_create("halo-farewell", MEMFD_CLOEXEC);
  if (halo_sys_failed(fd))
    return NULL;
  void *word = map_word((int)fd);
  if (!word)
    halo_sys_close((int)fd);
  return word;
}

void halo_farewell_begin(void) {
  if (!holder) {
    uint64_t **page = halo_sys_pages(PAGE);
    if (page && halo_sys_madvise((void *)page, PAGE, WIPE_ON_FORK) != 0) {
      halo_sys_munmap((void *)page, PAGE);
      page = NULL;
    }
    __atomic_store_n(&holder, page, __ATOMIC_RELEASE);
  }
  if (holder && !__atomic_load_n(holder, __ATOMIC_RELAXED))
    __atomic_store_n(holder, make_word(), __ATOMIC_RELEASE);
}

void halo_farewell_say(void) {
  uint64_t **page = __atomic_load_n(&holder, __ATOMIC_ACQUIRE);
  uint64_t *word = page ? __atomic_load_n(page, __ATOMIC_ACQUIRE) : NULL;
  if (word)
    __atomic_store_n(word, 1, __ATOMIC_RELEASE);
}
