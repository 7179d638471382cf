/* Tight loops in main, each of one level: integers, ordered floating point, down to zero, a list, a string. */
#include "edge.h"

struct node {
  struct node *next;
  unsigned value;
};
static unsigned char text[1 << 16];
static struct node nodes[4096];

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  for (unsigned i = 0; i < sizeof text - 1; i++)
    text[i] = (unsigned char)(1 + edge_mix(i) % 255);
  for (unsigned i = 0; i < 4096; i++)
    nodes[i] = (struct node){i == 4095 ? NULL : &nodes[i + 1], (unsigned)edge_mix(i)};
again:
  if (!edge_again())
    return edge_end(0);
  unsigned long sum = 0;
  for (unsigned long i = 0; i < 300000; i++)
    sum += i * i ^ (i >> 3);
  double series = 0;
  for (int i = 1; i <= 100000; i++)
    series += 1.0 / i;
  unsigned down = 0;
  for (unsigned char i = 200; i-- > 0;)
    down = down * 31 + i;
  unsigned list = 0;
  for (const struct node *node = nodes; node; node = node->next)
    list ^= node->value + (list << 1);
  size_t length = 0;
  while (text[length])
    length++;
  long steps = 0;
  for (unsigned long n = 837799; n != 1; steps++)
    n = n & 1 ? 3 * n + 1 : n / 2;
  unsigned long wide = 0;
  for (unsigned long i = ~0ul - 99999; i != 0; i++)
    wide += i >> 5;
  edge_say("sum %lu series %.17g down %u list %u length %zu steps %ld wide %lu", sum, series, down, list, length, steps,
           wide);
  goto again;
}
