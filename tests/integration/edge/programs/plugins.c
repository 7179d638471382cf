/* dlopen and dlclose of Halo and plain libraries, over and over; function pointers from them. */
#define _GNU_SOURCE
#include "work.h"
#include <dlfcn.h>
#include <libgen.h>

typedef int compute(int);
typedef int *address(void);

EDGE_KEEP int use(const char *directory, const char *name, int rounds) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return -1;
  }
  compute *function = (compute *)dlsym(library, "plugin_compute");
  address *where = (address *)dlsym(library, "plugin_address");
  int sum = 0;
  for (int i = 0; i < rounds; i++)
    sum = sum * 3 + function(i);
  sum += *where();
  return dlclose(library) == 0 ? sum : -2;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  char own[4096];
  snprintf(own, sizeof own, "%s", argv[0]);
  const char *directory = dirname(own);
  char path[4096];
  snprintf(path, sizeof path, "%s/stays.so", directory);
  void *stays = dlopen(path, RTLD_NOW);
  compute *function = stays ? (compute *)dlsym(stays, "plugin_compute") : NULL;
  if (function == NULL)
    return 1;
  int stays_calls = 0;
  while (edge_again()) {
    edge_say("own %lx", work(50));
    edge_say("halo %d", use(directory, "tuned.so", 400));
    edge_say("plain %d", use(directory, "plain.so", 400));
    int sum = 0; /* its statics count on over all rounds */
    for (int i = 0; i < 400; i++)
      sum = sum * 5 + function(i & 31) - ++stays_calls;
    edge_say("stays %d", sum);
  }
  return edge_end(0);
}
