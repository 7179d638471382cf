// Strings, tables, vtables, keys: what they contain is known to the optimizer, where they are is
// the program's. Addresses handed out by old code are compared by new code and the other way round.
#include "edge.h"
#include <typeinfo>

extern const int FOREIGN_KEY;
const char *foreign_name();
bool foreign_is_key(const void *);
const void *foreign_table();

static const int KEY = 1;
static const int OTHER = 1;
static const double SQUARES[] = {0, 1, 4, 9, 16, 25, 36, 49};
static const char *const NAMES[] = {"zero", "one", "two", "three"};
static const char PLAIN[] = "plain array";

struct Base {
  virtual ~Base() = default;
  EDGE_KEEP virtual int id() const { return 1; }
};
struct Middle : Base {
  EDGE_KEEP int id() const override { return 2; }
};
struct Leaf final : Middle {
  EDGE_KEEP int id() const override { return 3; }
};
struct Other final : Base {
  EDGE_KEEP int id() const override { return 4; }
};
struct Left : virtual Base {
  int left = 11;
};
struct Right : virtual Base {
  int right = 22;
};
struct Diamond final : Left, Right {
  EDGE_KEEP int id() const override { return left + right; }
};

EDGE_KEEP const void *key() { return &KEY; }
EDGE_KEEP bool is_key(const void *pointer) { return pointer == &KEY; }
EDGE_KEEP const void *other() { return &OTHER; }
EDGE_KEEP const char *name(int index) { return NAMES[index & 3]; }
EDGE_KEEP int index_of(const char *string) {
  for (int i = 0; i < 4; i++)
    if (NAMES[i] == string)
      return i;
  return -1;
}
EDGE_KEEP const char *tag() { return "a literal of its own"; }
EDGE_KEEP double square(int index) { return SQUARES[index & 7]; }
EDGE_KEEP int classify(Base *object) {
  if (dynamic_cast<Leaf *>(object))
    return 30;
  if (dynamic_cast<Other *>(object))
    return 40;
  if (auto *diamond = dynamic_cast<Diamond *>(object))
    return diamond->right;
  if (dynamic_cast<Middle *>(object))
    return 20;
  return 10;
}
EDGE_KEEP Base *make(int kind) {
  switch (kind % 5) {
  case 0:
    return new Base;
  case 1:
    return new Middle;
  case 2:
    return new Leaf;
  case 3:
    return new Other;
  default:
    return new Diamond;
  }
}
EDGE_KEEP int interpret(const unsigned char *code) {
  static const void *const labels[] = {&&add, &&sub, &&mul, &&end};
  int value = 1;
  goto *labels[*code++];
add:
  value += 3;
  goto *labels[*code++];
sub:
  value -= 1;
  goto *labels[*code++];
mul:
  value *= 5;
  goto *labels[*code++];
end:
  return value;
}
EDGE_KEEP const char *day(int number) {
  switch (number) {
  case 0:
    return "Monday";
  case 1:
    return "Tuesday";
  case 2:
    return "Wednesday";
  case 3:
    return "Thursday";
  case 4:
    return "Friday";
  default:
    return "the week-end";
  }
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  static const unsigned char code[] = {0, 2, 0, 1, 2, 0, 3};
  const void *const first_key = key();
  const char *const first_name = name(2);
  const char *const first_tag = tag();
  const char *const first_day = day(3);
  const char *const first_foreign = foreign_name();
  while (edge_again()) {
    edge_say("key %d %d %d", key() == first_key, is_key(first_key), is_key(other()));
    edge_say("foreign key %d %d %d", foreign_is_key(&FOREIGN_KEY), is_key(&FOREIGN_KEY),
             foreign_table() == &FOREIGN_KEY);
    edge_say("names %s %d %d", name(2), name(2) == first_name, index_of(first_name));
    edge_say("literals %s %d %d", tag(), tag() == first_tag, day(3) == first_day);
    edge_say("foreign name %s %d", foreign_name(), foreign_name() == first_foreign);
    int sum = 0, kinds = 0;
    double squares = 0;
    for (int i = 0; i < 200; i++) {
      Base *object = make(i);
      kinds += classify(object) * (i + 1);
      sum += object->id();
      squares += square(i);
      sum += static_cast<int>(strlen(day(i % 7))) + interpret(code) + PLAIN[i % 11];
      delete object;
    }
    edge_say("sum %d kinds %d squares %.1f", sum, kinds, squares);
    Base *leaf = make(2), *middle = make(1);
    edge_say("types %d %d %s", typeid(*leaf) == typeid(Leaf), typeid(*leaf) == typeid(*middle),
             typeid(*leaf).name());
    delete leaf;
    delete middle;
  }
  return edge_end(11);
}
