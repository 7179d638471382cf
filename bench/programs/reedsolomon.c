/* Reed-Solomon coder RS(255, 223) over GF(256): a round encodes a block, damages it and repairs it with
 * syndromes, Berlekamp-Massey, Chien search and Forney's formula. */
#include "rounds.h"
#include <string.h>

enum { BLOCK = 255, PARITY = 32, DATA = BLOCK - PARITY };

static unsigned char exponential[512], logarithm[256], generator[PARITY + 1];

static unsigned char multiply(unsigned char a, unsigned char b) {
  return a && b ? exponential[logarithm[a] + logarithm[b]] : 0;
}

static unsigned char divide(unsigned char a, unsigned char b) {
  return a ? exponential[logarithm[a] + 255 - logarithm[b]] : 0;
}

static unsigned char evaluate(const unsigned char *polynomial, int degree, unsigned char x) {
  unsigned char sum = polynomial[degree];
  for (int i = degree - 1; i >= 0; i--)
    sum = multiply(sum, x) ^ polynomial[i];
  return sum;
}

void prepare(void) {
  int x = 1;
  for (int i = 0; i < 255; i++) {
    exponential[i] = exponential[i + 255] = (unsigned char)x;
    logarithm[x] = (unsigned char)i;
    x <<= 1;
    if (x & 256)
      x ^= 0x11d;
  }
  generator[0] = 1;
  for (int root = 0; root < PARITY; root++) {
    generator[root + 1] = 0;
    for (int i = root + 1; i >= 0; i--)
      generator[i] = (unsigned char)((i ? generator[i - 1] : 0) ^ multiply(generator[i], exponential[root]));
  }
}

/* Lowest power first: parity in block[0..PARITY), data above it. */
void encode(unsigned char *block) {
  unsigned char rest[PARITY] = {0};
  for (int i = BLOCK - 1; i >= PARITY; i--) {
    unsigned char feedback = block[i] ^ rest[PARITY - 1];
    for (int j = PARITY - 1; j > 0; j--)
      rest[j] = rest[j - 1] ^ multiply(feedback, generator[j]);
    rest[0] = multiply(feedback, generator[0]);
  }
  memcpy(block, rest, PARITY);
}

static int syndromes(const unsigned char *block, unsigned char *out) {
  int damaged = 0;
  for (int i = 0; i < PARITY; i++) {
    out[i] = evaluate(block, BLOCK - 1, exponential[i]);
    damaged |= out[i];
  }
  return damaged;
}

/* Berlekamp-Massey: the error locator; returns its degree. */
int locator(const unsigned char *syndrome, unsigned char *lambda) {
  unsigned char previous[PARITY + 1] = {1}, saved[PARITY + 1];
  int degree = 0, gap = 1;
  unsigned char scale = 1;
  memset(lambda, 0, PARITY + 1);
  lambda[0] = 1;
  for (int n = 0; n < PARITY; n++) {
    unsigned char discrepancy = syndrome[n];
    for (int i = 1; i <= degree; i++)
      discrepancy ^= multiply(lambda[i], syndrome[n - i]);
    if (!discrepancy) {
      gap++;
      continue;
    }
    unsigned char factor = divide(discrepancy, scale);
    memcpy(saved, lambda, sizeof saved);
    for (int i = gap; i <= PARITY; i++)
      lambda[i] ^= multiply(factor, previous[i - gap]);
    if (2 * degree <= n) {
      degree = n + 1 - degree;
      memcpy(previous, saved, sizeof saved);
      scale = discrepancy;
      gap = 1;
    } else {
      gap++;
    }
  }
  return degree;
}

/* Returns the number of bytes it repaired, or -1. */
int decode(unsigned char *block) {
  unsigned char syndrome[PARITY], lambda[PARITY + 1], omega[PARITY] = {0};
  if (!syndromes(block, syndrome))
    return 0;
  int degree = locator(syndrome, lambda);
  if (degree > PARITY / 2)
    return -1;
  for (int i = 0; i < PARITY; i++)
    for (int j = 0; j <= i && j <= degree; j++)
      omega[i] ^= multiply(lambda[j], syndrome[i - j]);
  int found = 0;
  for (int position = 0; position < BLOCK; position++) {
    unsigned char inverse = exponential[(255 - position) % 255];
    if (evaluate(lambda, degree, inverse))
      continue;
    unsigned char slope = 0;
    for (int i = 1; i <= degree; i += 2)
      slope ^= multiply(lambda[i], exponential[(logarithm[inverse] * (i - 1)) % 255]);
    if (!slope)
      return -1;
    unsigned char value = divide(evaluate(omega, PARITY - 1, inverse), slope);
    block[position] ^= multiply(value, exponential[position]);
    found++;
  }
  return found == degree ? found : -1;
}

int main(int argc, char **argv) {
  struct rounds rounds = rounds_begin(argc, argv, 36000);
  int damage = (int)rounds_argument(argc, argv, 2, 12);
  uint64_t seed = 7, checksum = 0;
  long repaired = 0, failed = 0;
  unsigned char block[BLOCK], sent[BLOCK];
  prepare();
  do {
    for (int i = 0; i < DATA; i++)
      block[PARITY + i] = (unsigned char)rounds_random(&seed);
    encode(block);
    memcpy(sent, block, BLOCK);
    for (int i = 0; i < damage; i++)
      block[rounds_random(&seed) % BLOCK] ^= (unsigned char)rounds_random(&seed);
    int result = decode(block);
    if (result < 0 || memcmp(sent, block, BLOCK) != 0)
      failed++;
    else
      repaired += result;
    for (int i = 0; i < BLOCK; i++)
      checksum = checksum * 31 + block[i];
  } while (rounds_next(&rounds));
  printf("repaired %ld bytes, failed %ld blocks, checksum %016llx\n", repaired, failed, (unsigned long long)checksum);
}
