/* All work in main: a matrix product, a triangular nest, a stencil, on arrays of three kinds. */
#include "edge.h"

enum { SIZE = 96 };
static double table[SIZE][SIZE];

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  int n = SIZE - (argc > 9);
  double *left = malloc(sizeof(double) * SIZE * SIZE), *right = malloc(sizeof(double) * SIZE * SIZE);
  double row[SIZE];
  while (edge_again()) {
    for (int i = 0; i < n * n; i++) {
      left[i] = (double)(edge_mix((uint64_t)i) & 255) / 16;
      right[i] = (double)(edge_mix((uint64_t)i + 7777) & 255) / 32;
    }
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++) {
        double sum = 0;
        for (int k = 0; k < n; k++)
          sum += left[i * n + k] * right[k * n + j];
        table[i][j] = sum;
      }
    double trace = 0;
    for (int i = 0; i < n; i++) {
      row[i] = table[i][i];
      for (int j = 0; j < i; j++)
        row[i] -= table[i][j] * row[j] * 1e-6;
      trace += row[i];
    }
    edge_say("trace %.17g", trace);
    unsigned corner = 0;
    for (int step = 0; step < 3; step++)
      for (int i = 1; i < n - 1; i++)
        for (int j = 1; j < n - 1; j++) {
          table[i][j] = (table[i - 1][j] + table[i + 1][j] + table[i][j - 1] + table[i][j + 1]) / 4;
          corner += table[i][j] > 1500;
        }
    edge_say("corner %u middle %.17g", corner, table[n / 2][n / 2]);
  }
  free(left);
  free(right);
  return edge_end(0);
}
