// Guard: an exception that an input does not catch ends the input, not the process.
#ifndef HALO_INTERPRETER_GUARD_H
#define HALO_INTERPRETER_GUARD_H

#include "llvm/IR/Module.h"

namespace halo {

// Each initializer of the module is called through support's __halo_guard.
void guardInitializers(llvm::Module &M);

} // namespace halo

#endif
