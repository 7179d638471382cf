// Completeness: is this text a whole input, or does it go on in the next line?
#ifndef HALO_INTERPRETER_COMPLETENESS_H
#define HALO_INTERPRETER_COMPLETENESS_H

#include "Compiler.h"

#include "llvm/ADT/StringRef.h"

namespace halo {

enum class Completeness { Complete, Incomplete, Invalid };

struct Progress {
  Completeness State;
  unsigned Depth; // of brackets that are open
};

// By tokens at first: brackets, comments, raw strings, #if, a backslash at the end; directives, plain
// expressions. What these leave open is parsed in a copy of this process, which is thrown away.
Progress completeness(Compiler &C, llvm::StringRef Text);

// Why the text is not even to be parsed; empty: it is. clang's parser never comes back from the end of
// the text inside of a bracket, and crashes where there is nothing to return from.
llvm::StringRef flaw(Compiler &C, llvm::StringRef Text);

} // namespace halo

#endif
