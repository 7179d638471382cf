// Captures: `auto f = [&](int x) { return x + y; };` as an input.
//
// Variables of inputs are never captured, and clang refuses what would capture them all where there is
// nothing to capture. People write it all the same. An input that fails over that tells what of it is
// one too many, the process is given up (as in Redefinition.h), and the input is parsed again without.
#ifndef HALO_INTERPRETER_CAPTURES_H
#define HALO_INTERPRETER_CAPTURES_H

#include "Compiler.h"

#include "clang/Basic/SourceLocation.h"

#include <utility>
#include <vector>

namespace halo {

class Captures {
public:
  // With the diagnostics that it will keep.
  explicit Captures(halo::Compiler &Compiler);

  // Before an input.
  void begin() { Defaults.clear(); }
  // After one that failed: offsets in it, from and to.
  std::vector<std::pair<size_t, size_t>> surplus() const;

private:
  class Listener;

  halo::Compiler &Compiler;
  std::vector<clang::SourceLocation> Defaults; // of the current input
};

} // namespace halo

#endif
