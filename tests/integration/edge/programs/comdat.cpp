// COMDAT functions, variables and vtables in three files: one storage, one address, one behaviour.
#include "comdat.h"
#include <typeinfo>

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  int before = bump(0) - 1;
  while (edge_again()) {
    inline_counter = 0;
    edge_say("a %d b %d", use_a(300), use_b(400));
    edge_say("counter %d last %d", inline_counter, Stack<int>::last);
    edge_say("one function %d", bump_from_a() == bump_from_b() && bump_from_a() == &bump);
    int calls = bump_from_a()(0), again = bump_from_b()(0);
    edge_say("one static %d", again - calls);
    Shape *a = shape_a(), *b = shape_b();
    edge_say("areas %d %d", a->area(), b->area());
    edge_say("types %s %s", typeid(*a).name(), typeid(*b).name());
    edge_say("plain shape %d", Shape().area());
    delete a;
    delete b;
  }
  int expected = before + (int)edge.rounds * 702 + 1;
  std::printf("calls as expected: %d\n", bump(0) == expected + 1);
  return edge_end(0);
}
