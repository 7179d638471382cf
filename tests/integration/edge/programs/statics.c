/* Statics of the same name in two files of the same relative path: four storages, none shared,
 * each the same one for original code and variants. Function statics count on over all rounds. */
#include "edge.h"

void one_reset(void), two_reset(void);
int one_run(int, int *), two_run(int, int *), one_counter(void), two_counter(void);
const int *one_address(void), *two_address(void);
const char *one_label(void), *two_label(void);

static long total;

EDGE_KEEP static void account(long by) { total = total * 3 + by; }
EDGE_KEEP static long accounted(void) { return total; }

EDGE_KEEP static int once_per_call(void) {
  static int count;
  static int *self;
  if (self == NULL)
    self = &count;
  return self == &count ? ++count : -1;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  int expected = 0, one_calls = 0, two_calls = 0;
  while (edge_again()) {
    one_reset();
    two_reset();
    total = 0;
    for (int i = 0; i < 64; i++) { /* 632 calls of step each: a multiple of its table's 8 */
      account(one_run(632, &one_calls));
      account(two_run(632, &two_calls));
      account(one_counter() ^ two_counter());
    }
    expected += 1000;
    int seen = 0;
    for (int i = 0; i < 1000; i++)
      seen = once_per_call();
    edge_say("function static keeps count: %d", seen == expected);
    edge_say("calls %d %d", one_calls == 100 + (int)edge.rounds * 632 * 64, two_calls - one_calls);
    edge_say("accounted %lx", (unsigned long)accounted());
    edge_say("labels %s %s", one_label(), two_label());
    edge_say("apart %d", one_address() != two_address());
    edge_say("counters %d %d %d", one_counter(), two_counter(),
             *one_address() == one_counter() && *two_address() == two_counter());
  }
  return edge_end(3);
}
