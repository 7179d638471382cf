// Listing: the code of a function or an input, as LLVM's IR or the processor's.
#ifndef HALO_INTERPRETER_LISTING_H
#define HALO_INTERPRETER_LISTING_H

#include "Compiler.h"

#include "llvm/Support/JSON.h"

namespace halo {

// {"text"}, or {"why": there is none}. Of: a function's name, or the number of an input. Level: 0 is the
// code that runs; others are what clang would make of it on its own.
llvm::json::Object list(Compiler &C, const llvm::Triple &Triple, llvm::StringRef Of, unsigned Level,
                        bool IsIr);

} // namespace halo

#endif
