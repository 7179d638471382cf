// Exceptions thrown in variants and caught in originals, the reverse, and through several frames of
// both; destructors run on the way, in order; exceptions cross libc's qsort.
#include "edge.h"
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

static std::string trace;

struct Mark {
  char name;
  EDGE_KEEP explicit Mark(char name) : name(name) { trace += name; }
  EDGE_KEEP ~Mark() { trace += static_cast<char>(name - 'a' + 'A'); }
};
struct Special : std::runtime_error {
  int code;
  explicit Special(int code) : std::runtime_error("special"), code(code) {}
};

EDGE_KEEP int leaf(int kind) {
  Mark mark('c');
  switch (kind) {
  case 0:
    throw 42;
  case 1:
    throw Special(7);
  case 2:
    throw std::string("a string");
  case 3:
    throw std::make_unique<int>(9);
  default:
    return kind * 3;
  }
}
EDGE_KEEP int middle(int kind) {
  Mark mark('b');
  std::vector<int> owned(8, kind);
  return leaf(kind) + owned[3];
}
EDGE_KEEP int translate(int kind) {
  Mark mark('a');
  try {
    return middle(kind);
  } catch (const Special &special) {
    throw std::logic_error("translated " + std::to_string(special.code));
  } catch (int number) {
    trace += '!';
    throw;
  }
}
EDGE_KEEP int outer(int kind) {
  try {
    return translate(kind);
  } catch (int number) {
    return number;
  } catch (const std::logic_error &error) {
    return static_cast<int>(std::string(error.what()).size());
  } catch (const std::string &text) {
    return static_cast<int>(text.size()) + 100;
  } catch (...) {
    return 1000;
  }
}
EDGE_KEEP int deep(int depth, int kind) {
  Mark mark('d');
  if (depth == 0)
    return leaf(kind);
  int result = deep(depth - 1, kind);
  return result + depth;
}
EDGE_KEEP int nested(int kind) {
  try {
    try {
      return leaf(kind);
    } catch (...) {
      std::throw_with_nested(std::runtime_error("outer"));
    }
  } catch (const std::exception &error) {
    try {
      std::rethrow_if_nested(error);
    } catch (int number) {
      return number + 1;
    } catch (const std::exception &inner) {
      return static_cast<int>(strlen(inner.what())) * 10;
    } catch (...) {
      return 5000;
    }
  }
  return -1;
}
EDGE_KEEP std::exception_ptr capture(int kind) {
  try {
    leaf(kind);
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}
EDGE_KEEP int revive(const std::exception_ptr &held) {
  if (!held)
    return 0;
  try {
    std::rethrow_exception(held);
  } catch (int number) {
    return number;
  } catch (const Special &special) {
    return special.code;
  } catch (...) {
    return 77;
  }
}
EDGE_KEEP static int comparing(const void *left, const void *right) {
  int a = *static_cast<const int *>(left), b = *static_cast<const int *>(right);
  if (a == 13 || b == 13)
    throw a + b;
  return a - b;
}
EDGE_KEEP int through_libc() {
  int cells[] = {5, 3, 13, 1};
  try {
    qsort(cells, 4, sizeof *cells, comparing);
  } catch (int) {
    return 1;
  }
  return 0;
}
struct Fragile {
  Mark first{'x'};
  std::unique_ptr<int> second = std::make_unique<int>(3);
  EDGE_KEEP explicit Fragile(int kind) { leaf(kind); }
};
EDGE_KEEP int construct(int kind) try {
  Fragile fragile(kind);
  return *fragile.second;
} catch (int number) {
  return -number;
} catch (...) {
  return -1;
}

int main(int argc, char **argv) {
  edge_begin(argc, argv);
  std::exception_ptr first = capture(1);
  while (edge_again()) {
    trace.clear();
    for (int kind = 0; kind < 6; kind++)
      edge_say("%d: outer %d nested %d construct %d", kind, outer(kind), nested(kind),
               construct(kind));
    edge_say("%s", trace.c_str());
    trace.clear();
    for (int kind = 0; kind < 6; kind++) {
      int got = 0;
      try {
        got = deep(20, kind);
      } catch (int number) {
        got = -number;
      } catch (...) {
        got = -2;
      }
      edge_say("deep %d", got);
    }
    edge_say("%zu marks", trace.size());
    edge_say("revived %d %d %d", revive(first), revive(capture(0)), revive(capture(3)));
    edge_say("through libc %d", through_libc());
    edge_say("pending %d", std::uncaught_exceptions());
  }
  return edge_end(6);
}
