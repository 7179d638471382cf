// Warmup: what inputs use most often is read from the header cache before an input asks for it.
//
// Of a cached header clang reads each declaration when it is first needed, which takes tens of
// milliseconds for a map. In: a compiler with the cache, and time. Out: nothing that an input can see.
#ifndef HALO_INTERPRETER_WARMUP_H
#define HALO_INTERPRETER_WARMUP_H

#include "Compiler.h"

namespace halo {

class Warmup {
public:
  explicit Warmup(halo::Compiler &Compiler, bool HasCache) : Compiler(Compiler), IsOver(!HasCache) {}

  bool isOver() const { return IsOver; }
  // Some tens of milliseconds at most. False: clang cannot compile what is used here, as it says; it is over.
  bool step();
  // An input has come: what is ours must not stand between inputs of the user's.
  void end() { IsOver = true; }

private:
  halo::Compiler &Compiler;
  size_t Next = 0;
  bool IsOver;
};

} // namespace halo

#endif
