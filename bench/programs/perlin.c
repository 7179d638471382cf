/* Gradient noise after Perlin's improved version of 2002, summed over octaves into an image.
 * A round is one image of a flight through the third dimension. */
#include "rounds.h"
#include <math.h>

static unsigned char permutation[512];

void shuffle(uint64_t seed) {
  for (int i = 0; i < 256; i++)
    permutation[i] = (unsigned char)i;
  for (int i = 255; i > 0; i--) {
    int j = (int)(rounds_random(&seed) % (unsigned)(i + 1));
    unsigned char swap = permutation[i];
    permutation[i] = permutation[j];
    permutation[j] = swap;
  }
  for (int i = 0; i < 256; i++)
    permutation[256 + i] = permutation[i];
}

static double fade(double t) { return t * t * t * (t * (t * 6.0 - 15.0) + 10.0); }

static double mix(double t, double a, double b) { return a + t * (b - a); }

static double gradient(int hash, double x, double y, double z) {
  int h = hash & 15;
  double u = h < 8 ? x : y;
  double v = h < 4 ? y : h == 12 || h == 14 ? x : z;
  return ((h & 1) ? -u : u) + ((h & 2) ? -v : v);
}

double noise(double x, double y, double z) {
  double fx = floor(x), fy = floor(y), fz = floor(z);
  int ix = (int)fx & 255, iy = (int)fy & 255, iz = (int)fz & 255;
  x -= fx;
  y -= fy;
  z -= fz;
  double u = fade(x), v = fade(y), w = fade(z);
  const unsigned char *p = permutation;
  int a = p[ix] + iy, aa = p[a] + iz, ab = p[a + 1] + iz;
  int b = p[ix + 1] + iy, ba = p[b] + iz, bb = p[b + 1] + iz;
  double near = mix(v, mix(u, gradient(p[aa], x, y, z), gradient(p[ba], x - 1, y, z)),
                    mix(u, gradient(p[ab], x, y - 1, z), gradient(p[bb], x - 1, y - 1, z)));
  double far = mix(v, mix(u, gradient(p[aa + 1], x, y, z - 1), gradient(p[ba + 1], x - 1, y, z - 1)),
                   mix(u, gradient(p[ab + 1], x, y - 1, z - 1), gradient(p[bb + 1], x - 1, y - 1, z - 1)));
  return mix(w, near, far);
}

static double octaves(double x, double y, double z, int count) {
  double sum = 0.0, amplitude = 1.0;
  for (int i = 0; i < count; i++) {
    sum += amplitude * noise(x, y, z);
    x *= 2.0;
    y *= 2.0;
    z *= 2.0;
    amplitude *= 0.5;
  }
  return sum;
}

void render(double *image, int size, double depth) {
  for (int row = 0; row < size; row++)
    for (int column = 0; column < size; column++)
      image[row * size + column] = octaves(column * (5.0 / size), row * (5.0 / size), depth, 4);
}

int main(int argc, char **argv) {
  struct rounds rounds = rounds_begin(argc, argv, 2600);
  int size = (int)rounds_argument(argc, argv, 2, 64);
  double *image = malloc(sizeof *image * size * size);
  double sum = 0.0, least = 0.0, most = 0.0;
  shuffle(6);
  do {
    render(image, size, 0.01 * (double)rounds.done);
    for (int i = 0; i < size * size; i++) {
      sum += image[i];
      least = image[i] < least ? image[i] : least;
      most = image[i] > most ? image[i] : most;
    }
  } while (rounds_next(&rounds));
  printf("sum %a least %a most %a\n", sum, least, most);
  free(image);
}
