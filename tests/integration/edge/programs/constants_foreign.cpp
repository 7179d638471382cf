// The other file of constants.cpp: a key, a name and a table of its own.
#include "edge.h"

extern const int FOREIGN_KEY;
const int FOREIGN_KEY = 1;
static const int KEY = 1;
static const char *const NAMES[] = {"here", "there"};

EDGE_KEEP const char *foreign_name() { return NAMES[KEY]; }
EDGE_KEEP bool foreign_is_key(const void *pointer) {
  return pointer == &FOREIGN_KEY && pointer != &KEY;
}
EDGE_KEEP const void *foreign_table() {
  static const void *const table[] = {&KEY, &FOREIGN_KEY};
  return table[1];
}
