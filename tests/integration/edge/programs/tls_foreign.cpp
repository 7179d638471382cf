// The other file of tls.cpp.
#include "edge.h"
#include <string>

thread_local int foreign_plain = 1;
thread_local std::string foreign_name = std::string("unset");

EDGE_KEEP int foreign_step(int by) {
  foreign_plain = (foreign_plain * 5 + by) & 0xFFF;
  return foreign_plain + static_cast<int>(foreign_name.size());
}
