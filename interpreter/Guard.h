// Guard: an exception that an input does not catch ends the input, not the process.
#ifndef HALO_INTERPRETER_GUARD_H
#define HALO_INTERPRETER_GUARD_H

#include "llvm/IR/Module.h"

namespace halo {

// The module's initializers become one function that runs them in their order, each through support's
// __halo_guard. What is returned is its name; nothing: there are none. Number: of no other module.
std::string guardInitializers(llvm::Module &M, unsigned Number);
// By its name: nothing that an input has defined calls it.
bool isInitializer(llvm::StringRef Function);

} // namespace halo

#endif
