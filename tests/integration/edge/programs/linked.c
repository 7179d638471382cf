/* A program and a library that it is linked with, both Halo images: calls both ways, a variable
 * and a function that the program interposes. */
#include "work.h"

extern int library_variable;
int library_call(int value);
int library_calls_back(int (*function)(int), int value);
int interposed(int value);
const int *library_variable_address(void);

EDGE_KEEP int interposed(int value) { return value * 2 + 1; }
EDGE_KEEP static int back(int value) { return value + library_variable; }

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  while (edge_again()) {
    int sum = 0;
    library_variable = 3;
    for (int i = 0; i < 500; i++) {
      sum = sum * 3 + library_call(i);
      sum += library_calls_back(back, i);
      library_variable = (library_variable * 5 + i) & 0xFF;
    }
    edge_say("sum %d variable %d", sum, library_variable);
    edge_say("copied %d", library_variable_address() == &library_variable);
    edge_say("work %lx", work(20));
  }
  return edge_end(0);
}
