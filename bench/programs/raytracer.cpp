// A small ray tracer: spheres and a chequered floor, shadows, mirrors, virtual `hit` and `colour`.
// A round renders one image while the camera moves around the scene.
#include "rounds.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <vector>

namespace {

struct Vector {
  double x = 0, y = 0, z = 0;
  Vector operator+(const Vector &o) const { return {x + o.x, y + o.y, z + o.z}; }
  Vector operator-(const Vector &o) const { return {x - o.x, y - o.y, z - o.z}; }
  Vector operator*(double s) const { return {x * s, y * s, z * s}; }
  Vector operator*(const Vector &o) const { return {x * o.x, y * o.y, z * o.z}; }
  double dot(const Vector &o) const { return x * o.x + y * o.y + z * o.z; }
  double length() const { return std::sqrt(dot(*this)); }
  Vector unit() const { return *this * (1.0 / length()); }
};

struct Ray {
  Vector origin, direction;
  Vector at(double t) const { return origin + direction * t; }
};

constexpr double nearest = 1e-6, farthest = 1e30;

class Shape {
public:
  Shape(Vector colour, double mirror) : tint(colour), mirror(mirror) {}
  virtual ~Shape() = default;
  /// The distance along the ray, or `farthest`.
  virtual double hit(const Ray &ray) const = 0;
  virtual Vector normal(const Vector &point) const = 0;
  virtual Vector colour(const Vector &) const { return tint; }
  double reflects() const { return mirror; }

protected:
  Vector tint;
  double mirror;
};

class Sphere final : public Shape {
public:
  Sphere(Vector centre, double radius, Vector colour, double mirror)
      : Shape(colour, mirror), centre(centre), radius(radius) {}
  double hit(const Ray &ray) const override {
    Vector to = ray.origin - centre;
    double b = to.dot(ray.direction), c = to.dot(to) - radius * radius, discriminant = b * b - c;
    if (discriminant < 0)
      return farthest;
    double root = std::sqrt(discriminant);
    if (-b - root > nearest)
      return -b - root;
    return -b + root > nearest ? -b + root : farthest;
  }
  Vector normal(const Vector &point) const override { return (point - centre) * (1.0 / radius); }

private:
  Vector centre;
  double radius;
};

class Floor final : public Shape {
public:
  explicit Floor(double height) : Shape({0.9, 0.9, 0.9}, 0.1), height(height) {}
  double hit(const Ray &ray) const override {
    if (std::fabs(ray.direction.y) < 1e-9)
      return farthest;
    double t = (height - ray.origin.y) / ray.direction.y;
    return t > nearest ? t : farthest;
  }
  Vector normal(const Vector &) const override { return {0, 1, 0}; }
  Vector colour(const Vector &p) const override {
    bool dark = (static_cast<long>(std::floor(p.x)) + static_cast<long>(std::floor(p.z))) & 1;
    return dark ? tint * 0.2 : tint;
  }

private:
  double height;
};

class Scene {
public:
  Scene() {
    shapes.push_back(std::make_unique<Floor>(-1.0));
    uint64_t seed = 13;
    for (int i = 0; i < 12; i++) {
      Vector centre{4 * rounds_uniform(&seed) - 2, 2 * rounds_uniform(&seed) - 0.8, 4 * rounds_uniform(&seed) - 2};
      Vector colour{rounds_uniform(&seed), rounds_uniform(&seed), rounds_uniform(&seed)};
      shapes.push_back(std::make_unique<Sphere>(centre, 0.2 + 0.4 * rounds_uniform(&seed), colour, i % 3 ? 0.1 : 0.7));
    }
  }

  Vector trace(const Ray &ray, int depth) const {
    auto [shape, distance] = closest(ray);
    if (!shape)
      return sky(ray.direction);
    Vector point = ray.at(distance), normal = shape->normal(point);
    if (normal.dot(ray.direction) > 0)
      normal = normal * -1.0;
    Vector colour = shape->colour(point) * light_at(point, normal);
    if (depth > 0 && shape->reflects() > 0) {
      Vector mirrored = ray.direction - normal * (2 * normal.dot(ray.direction));
      colour = colour * (1 - shape->reflects()) + trace({point, mirrored}, depth - 1) * shape->reflects();
    }
    return colour;
  }

private:
  std::vector<std::unique_ptr<Shape>> shapes;
  Vector lamp{5, 8, -4};

  struct Hit {
    const Shape *shape;
    double distance;
  };

  Hit closest(const Ray &ray) const {
    Hit best{nullptr, farthest};
    for (const auto &shape : shapes) {
      double distance = shape->hit(ray);
      if (distance < best.distance)
        best = {shape.get(), distance};
    }
    return best;
  }

  double light_at(const Vector &point, const Vector &normal) const {
    Vector to = lamp - point;
    double distance = to.length();
    Ray shadow{point, to * (1 / distance)};
    double light = 0.15;
    bool lit = std::none_of(shapes.begin(), shapes.end(),
                            [&](const auto &shape) { return shape->hit(shadow) < distance; });
    if (lit)
      light += 0.85 * std::max(0.0, normal.dot(shadow.direction));
    return light;
  }

  static Vector sky(const Vector &direction) {
    double t = 0.5 * (direction.y + 1);
    return Vector{1, 1, 1} * (1 - t) + Vector{0.4, 0.6, 1} * t;
  }
};

} // namespace

struct Image {
  explicit Image(int size) : size(size), pixels(static_cast<size_t>(size) * size) {}
  int size;
  std::vector<Vector> pixels;
};

KERNEL void render(const Scene &scene, Image &image, double angle) {
  Vector eye{6 * std::sin(angle), 1.5, -6 * std::cos(angle)};
  Vector forward = (eye * -1.0).unit(), right = Vector{forward.z, 0, -forward.x}.unit();
  Vector up{forward.y * right.z - forward.z * right.y, forward.z * right.x - forward.x * right.z,
            forward.x * right.y - forward.y * right.x};
  for (int row = 0; row < image.size; row++)
    for (int column = 0; column < image.size; column++) {
      double u = (column + 0.5) / image.size - 0.5, v = 0.5 - (row + 0.5) / image.size;
      Ray ray{eye, (forward + right * u + up * v).unit()};
      image.pixels[static_cast<size_t>(row) * image.size + column] = scene.trace(ray, 3);
    }
}

int main(int argc, char **argv) {
  rounds rounds = rounds_begin(argc, argv, 1800);
  Image image(static_cast<int>(rounds_argument(argc, argv, 2, 64)));
  Scene scene;
  Vector sum;
  do {
    render(scene, image, 0.01 * static_cast<double>(rounds.done));
    for (const Vector &pixel : image.pixels)
      sum = sum + pixel;
  } while (rounds_next(&rounds));
  std::printf("red %a green %a blue %a\n", sum.x, sum.y, sum.z);
}
