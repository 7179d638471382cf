/* Moves bodies under each other's gravity by velocity Verlet steps; a round is a few steps.
 * Prints energy and momentum, which should hardly change. */
#include "rounds.h"
#include <math.h>

struct body {
  double position[3], velocity[3], force[3], mass;
};

enum { STEPS = 10 };
static const double softening = 1e-3;

static void pull(struct body *a, struct body *b) {
  double d[3], square = softening;
  for (int i = 0; i < 3; i++) {
    d[i] = b->position[i] - a->position[i];
    square += d[i] * d[i];
  }
  double strength = a->mass * b->mass / (square * sqrt(square));
  for (int i = 0; i < 3; i++) {
    a->force[i] += strength * d[i];
    b->force[i] -= strength * d[i];
  }
}

void forces(struct body *bodies, int count) {
  for (int i = 0; i < count; i++)
    for (int axis = 0; axis < 3; axis++)
      bodies[i].force[axis] = 0.0;
  for (int i = 0; i < count; i++)
    for (int j = i + 1; j < count; j++)
      pull(&bodies[i], &bodies[j]);
}

static void kick(struct body *bodies, int count, double dt) {
  for (int i = 0; i < count; i++)
    for (int axis = 0; axis < 3; axis++)
      bodies[i].velocity[axis] += dt * bodies[i].force[axis] / bodies[i].mass;
}

static void drift(struct body *bodies, int count, double dt) {
  for (int i = 0; i < count; i++)
    for (int axis = 0; axis < 3; axis++)
      bodies[i].position[axis] += dt * bodies[i].velocity[axis];
}

void advance(struct body *bodies, int count, double dt) {
  kick(bodies, count, dt / 2);
  drift(bodies, count, dt);
  forces(bodies, count);
  kick(bodies, count, dt / 2);
}

double energy(const struct body *bodies, int count) {
  double sum = 0.0;
  for (int i = 0; i < count; i++) {
    const double *v = bodies[i].velocity;
    sum += bodies[i].mass * (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]) / 2;
    for (int j = i + 1; j < count; j++) {
      double square = softening;
      for (int axis = 0; axis < 3; axis++) {
        double d = bodies[j].position[axis] - bodies[i].position[axis];
        square += d * d;
      }
      sum -= bodies[i].mass * bodies[j].mass / sqrt(square);
    }
  }
  return sum;
}

int main(int argc, char **argv) {
  struct rounds rounds = rounds_begin(argc, argv, 26000);
  int count = (int)rounds_argument(argc, argv, 2, 48);
  struct body *bodies = calloc(count, sizeof *bodies);
  uint64_t seed = 3;
  for (int i = 0; i < count; i++) {
    bodies[i].mass = 0.01 + rounds_uniform(&seed);
    for (int axis = 0; axis < 3; axis++) {
      bodies[i].position[axis] = 20.0 * rounds_uniform(&seed) - 10.0;
      bodies[i].velocity[axis] = rounds_uniform(&seed) - 0.5;
    }
  }
  forces(bodies, count);
  printf("energy %a\n", energy(bodies, count));
  do {
    for (int step = 0; step < STEPS; step++)
      advance(bodies, count, 1e-4);
  } while (rounds_next(&rounds));
  double momentum[3] = {0};
  for (int i = 0; i < count; i++)
    for (int axis = 0; axis < 3; axis++)
      momentum[axis] += bodies[i].mass * bodies[i].velocity[axis];
  printf("energy %a momentum %a %a %a\n", energy(bodies, count), momentum[0], momentum[1], momentum[2]);
  free(bodies);
}
