/* A shared library with the note, opened and closed and opened again: an image of its own that
 * comes and goes, with fresh entries each time. Built twice: with -DLIBRARY it is the library.
 */
#ifdef LIBRARY
#include "monitor_patchable.h"
PATCHABLE(library_entry, PLAIN, 1);
BITCODE;
SYMBOL(1, 0, "own_library_entry");
#else

#include "monitor_controller.h"

#include <dlfcn.h>

static uint64_t variant(uint64_t x) { return x + 2; }

/* The id of the only image that is no executable; 0: there is none. */
static uint64_t find_library(struct controller *controller, uint64_t *generation) {
  struct halo_reader in = controller_expect(controller, "halo_images", NULL);
  *generation = halo_read_u64(&in);
  uint64_t count = halo_read_u64(&in), found = 0;
  for (uint64_t i = 0; i < count; i++) {
    uint64_t id = halo_read_u64(&in);
    struct halo_view path = halo_read_bytes(&in);
    halo_read_bytes(&in);
    for (int j = 0; j < 6; j++)
      halo_read_u64(&in);
    bool is_executable = halo_read_u8(&in);
    halo_read_bytes(&in);
    CHECK(path.bytes > 0);
    if (!is_executable) {
      CHECK_EQUAL(found, 0);
      found = id;
    }
  }
  CHECK(!in.is_bad);
  return found;
}

static uint64_t wait_library(struct controller *controller, bool is_wanted, uint64_t *generation) {
  uint64_t id;
  while ((id = find_library(controller, generation)) != 0 ? !is_wanted : is_wanted)
    poll(NULL, 0, 5);
  return id;
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  controller_begin(argv);
  struct controller controller;
  controller_accept(&controller);
  uint64_t generation, before = 0, last_id = 0;
  CHECK_EQUAL(find_library(&controller, &generation), 0);
  uint64_t entry_address = 0;
  for (int round = 0; round < 3; round++) {
    void *library = dlopen(argv[1], RTLD_NOW);
    CHECK(library);
    uint64_t (*volatile entry)(uint64_t) = (uint64_t (*)(uint64_t))dlsym(library, "library_entry");
    before = generation;
    uint64_t id = wait_library(&controller, true, &generation);
    CHECK(id != last_id);
    CHECK(generation != before);
    last_id = id;
    entry_address = (uintptr_t)entry;
    CHECK_EQUAL(entry(0), 1);
    CHECK_EQUAL(controller_patch(&controller, entry_address, (uintptr_t)variant), 0);
    CHECK_EQUAL(entry(0), 2);
    dlclose(library);
    wait_library(&controller, false, &generation);
    CHECK_EQUAL(controller_patch(&controller, entry_address, (uintptr_t)variant), HALO_E_GONE);
  }
  /* Gone and back between two looks: what was known of the entry no longer holds. */
  void *library = dlopen(argv[1], RTLD_NOW);
  wait_library(&controller, true, &generation);
  uint64_t (*volatile entry)(uint64_t) = (uint64_t (*)(uint64_t))dlsym(library, "library_entry");
  CHECK_EQUAL(controller_patch(&controller, (uintptr_t)entry, (uintptr_t)variant), 0);
  dlclose(library);
  library = dlopen(argv[1], RTLD_NOW);
  entry = (uint64_t (*)(uint64_t))dlsym(library, "library_entry");
  CHECK_EQUAL(entry(0), 1);
  int status;
  while ((status = controller_patch(&controller, (uintptr_t)entry, (uintptr_t)variant)) != 0) {
    CHECK_EQUAL(status, HALO_E_GONE);
    poll(NULL, 0, 5);
  }
  CHECK_EQUAL(entry(0), 2);
  return 0;
}
#endif
