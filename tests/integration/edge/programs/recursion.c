/* Recursion, mutual recursion, deep stacks, tail calls that the language guarantees. */
#include "edge.h"

EDGE_KEEP static int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
EDGE_KEEP int is_odd(unsigned n);
EDGE_KEEP int is_even(unsigned n) { return n == 0 ? 1 : is_odd(n - 1); }
EDGE_KEEP int is_odd(unsigned n) { return n == 0 ? 0 : is_even(n - 1); }
EDGE_KEEP int ackermann(int m, int n) {
  if (m == 0)
    return n + 1;
  return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}
EDGE_KEEP long deep(long depth, long *above) {
  long here = depth ^ (above ? *above : 0);
  return depth == 0 ? here : deep(depth - 1, &here) + (here & 1);
}
EDGE_KEEP long pong(long count, long sum);
EDGE_KEEP long ping(long count, long sum) {
  if (count == 0)
    return sum;
  __attribute__((musttail)) return pong(count - 1, sum * 3 + count);
}
EDGE_KEEP long pong(long count, long sum) {
  if (count == 0)
    return -sum;
  __attribute__((musttail)) return ping(count - 1, sum ^ count);
}
typedef long state_function(const char *text, long value);
EDGE_KEEP static long state_a(const char *text, long value);
EDGE_KEEP static long state_b(const char *text, long value);
static state_function *const states[] = {state_a, state_b};
static long state_a(const char *text, long value) {
  if (*text == 0)
    return value;
  __attribute__((musttail)) return states[*text & 1](text + 1, value * 2 + 1);
}
static long state_b(const char *text, long value) {
  if (*text == 0)
    return -value;
  __attribute__((musttail)) return states[*text & 1](text + 1, value * 3);
}
struct node { struct node *left, *right; int value; };
EDGE_KEEP struct node *insert(struct node *tree, int value) {
  if (tree == NULL) {
    tree = calloc(1, sizeof *tree);
    tree->value = value;
  } else if (value < tree->value)
    tree->left = insert(tree->left, value);
  else
    tree->right = insert(tree->right, value);
  return tree;
}
EDGE_KEEP int release(struct node *tree, int depth) {
  if (tree == NULL)
    return 0;
  int sum = release(tree->left, depth + 1) + release(tree->right, depth + 1) + depth * tree->value;
  free(tree);
  return sum;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  while (edge_again()) {
    edge_say("fibonacci %d", fibonacci(16));
    edge_say("even %d odd %d", is_even(1001), is_odd(1001));
    edge_say("ackermann %d", ackermann(2, 9));
    edge_say("deep %ld", deep(20000, NULL));
    edge_say("ping %ld %ld", ping(1000, 1), pong(999, 2));
    edge_say("states %ld", state_a("a sentence of some length, read by a machine", 1) & 0xFFFFFF);
    struct node *tree = NULL;
    for (int i = 0; i < 300; i++)
      tree = insert(tree, (int)(edge_mix((uint64_t)i) & 0xFFFF));
    edge_say("tree %d", release(tree, 1));
  }
  return edge_end(8);
}
