/* Statistics of a stream of integers: counters are file-level integers, next to arrays of integers that are
 * reached through file-level pointers. While nobody takes the counters' address the compiler knows that no
 * store into an array changes them and keeps them in registers; a build that lets them be seen from outside
 * loads and stores them each time. A round reads one block of samples. */
#include "rounds.h"

static int *samples, *histogram, *kept;
static int kept_count, below, above, total, changes, last_sample;

enum { BINS = 256 };

KERNEL void receive(int count, uint64_t *seed) {
  for (int i = 0; i < count; i += 4) {
    uint64_t bits = rounds_random(seed);
    for (int k = 0; k < 4 && i + k < count; k++, bits >>= 16)
      samples[i + k] = (int)((bits & 255) + ((bits >> 8) & 255)) / 2;
  }
}

/* Counts every sample and keeps those in the window. */
KERNEL void classify(int count, int low, int high) {
  for (int i = 0; i < count; i++) {
    int sample = samples[i];
    histogram[sample]++;
    total += sample;
    below += sample < low;
    above += sample > high;
    kept[kept_count] = sample;
    kept_count += sample >= low && sample <= high;
  }
}

/* Differences between neighbours replace the samples; how many are not zero is counted. */
KERNEL void differences(int count) {
  for (int i = 0; i < count; i++) {
    int sample = samples[i];
    samples[i] = sample - last_sample;
    changes += sample != last_sample;
    last_sample = sample;
  }
}

static int median(void) {
  int half = 0, all = 0;
  for (int i = 0; i < BINS; i++)
    all += histogram[i];
  for (int i = 0; i < BINS; i++) {
    half += histogram[i];
    if (2 * half >= all)
      return i;
  }
  return BINS;
}

int main(int argc, char **argv) {
  struct rounds rounds = rounds_begin(argc, argv, 150000);
  int count = (int)rounds_argument(argc, argv, 2, 4096);
  samples = malloc(sizeof *samples * count);
  kept = malloc(sizeof *kept * (count + 1));
  histogram = calloc(BINS, sizeof *histogram);
  uint64_t seed = 15, checksum = 0;
  long sums[4] = {0};
  do {
    kept_count = below = above = total = 0;
    receive(count, &seed);
    classify(count, 64, 192);
    differences(count);
    sums[0] += kept_count;
    sums[1] += below;
    sums[2] += above;
    sums[3] += total;
    checksum = checksum * 31 + (uint64_t)(kept[kept_count / 2] + samples[count / 2]);
    if (rounds.done % 64 == 63)
      for (int i = 0; i < BINS; i++)
        histogram[i] /= 2;
  } while (rounds_next(&rounds));
  printf("kept %ld below %ld above %ld total %ld changes %d median %d checksum %016llx\n", sums[0], sums[1], sums[2],
         sums[3], changes, median(), (unsigned long long)checksum);
  free(samples);
  free(kept);
  free(histogram);
}
