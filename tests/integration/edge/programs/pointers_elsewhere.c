/* The other file of pointers.c. */
#include "edge.h"

EDGE_KEEP static int add(int a, int b) { return a - b + 1; }
int mul(int, int);
EDGE_KEEP int mul_elsewhere(int a, int b) { return mul(a, b) + add(a, b); }
EDGE_KEEP int (*mul_pointer(void))(int, int) { return mul; }
