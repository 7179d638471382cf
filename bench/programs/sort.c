/* Sorts records three ways: quicksort with insertion sort below sixteen, heapsort, merge sort through a
 * comparison function. A round sorts one array each way and compares the results. */
#include "rounds.h"
#include <string.h>

struct record {
  uint32_t key;
  uint32_t serial;
};

typedef int (*comparison)(const struct record *, const struct record *);

static int by_key(const struct record *a, const struct record *b) {
  if (a->key != b->key)
    return a->key < b->key ? -1 : 1;
  return a->serial < b->serial ? -1 : a->serial > b->serial;
}

static int by_low_byte(const struct record *a, const struct record *b) {
  int low = (int)(a->key & 255) - (int)(b->key & 255);
  return low ? low : by_key(a, b);
}

static void exchange(struct record *a, struct record *b) {
  struct record swap = *a;
  *a = *b;
  *b = swap;
}

void insertion_sort(struct record *x, long n) {
  for (long i = 1; i < n; i++) {
    struct record moving = x[i];
    long j = i;
    for (; j > 0 && by_key(&moving, &x[j - 1]) < 0; j--)
      x[j] = x[j - 1];
    x[j] = moving;
  }
}

void quick_sort(struct record *x, long n) {
  while (n > 16) {
    if (by_key(&x[n / 2], &x[0]) < 0)
      exchange(&x[n / 2], &x[0]);
    if (by_key(&x[n - 1], &x[0]) < 0)
      exchange(&x[n - 1], &x[0]);
    if (by_key(&x[n - 1], &x[n / 2]) < 0)
      exchange(&x[n - 1], &x[n / 2]);
    struct record pivot = x[n / 2];
    long i = 0, j = n - 1;
    while (i <= j) {
      while (by_key(&x[i], &pivot) < 0)
        i++;
      while (by_key(&pivot, &x[j]) < 0)
        j--;
      if (i <= j)
        exchange(&x[i++], &x[j--]);
    }
    if (j + 1 < n - i) {
      quick_sort(x, j + 1);
      x += i;
      n -= i;
    } else {
      quick_sort(x + i, n - i);
      n = j + 1;
    }
  }
  insertion_sort(x, n);
}

static void sift(struct record *x, long root, long n) {
  for (long child; (child = 2 * root + 1) < n; root = child) {
    if (child + 1 < n && by_key(&x[child], &x[child + 1]) < 0)
      child++;
    if (by_key(&x[root], &x[child]) >= 0)
      return;
    exchange(&x[root], &x[child]);
  }
}

void heap_sort(struct record *x, long n) {
  for (long i = n / 2 - 1; i >= 0; i--)
    sift(x, i, n);
  for (long end = n - 1; end > 0; end--) {
    exchange(&x[0], &x[end]);
    sift(x, 0, end);
  }
}

void merge_sort(struct record *x, struct record *spare, long n, comparison compare) {
  if (n < 2)
    return;
  long half = n / 2;
  merge_sort(x, spare, half, compare);
  merge_sort(x + half, spare, n - half, compare);
  memcpy(spare, x, sizeof *x * (size_t)half);
  for (long i = 0, j = half, out = 0; i < half;)
    x[out++] = j < n && compare(&x[j], &spare[i]) < 0 ? x[j++] : spare[i++];
}

int main(int argc, char **argv) {
  struct rounds rounds = rounds_begin(argc, argv, 1300);
  long n = rounds_argument(argc, argv, 2, 5000);
  size_t bytes = sizeof(struct record) * (size_t)n;
  struct record *input = malloc(bytes), *quick = malloc(bytes), *heap = malloc(bytes), *spare = malloc(bytes);
  uint64_t seed = 9, checksum = 0;
  long wrong = 0;
  do {
    for (long i = 0; i < n; i++)
      input[i] = (struct record){(uint32_t)(rounds_random(&seed) % 100000), (uint32_t)i};
    memcpy(quick, input, bytes);
    memcpy(heap, input, bytes);
    quick_sort(quick, n);
    heap_sort(heap, n);
    wrong += memcmp(quick, heap, bytes) != 0;
    merge_sort(input, spare, n, rounds.done % 2 ? by_key : by_low_byte);
    for (long i = 0; i < n; i++)
      checksum = checksum * 31 + quick[i].serial + 7 * (uint64_t)input[i].serial;
  } while (rounds_next(&rounds));
  printf("checksum %016llx, disagreements %ld\n", (unsigned long long)checksum, wrong);
  free(input);
  free(quick);
  free(heap);
  free(spare);
}
