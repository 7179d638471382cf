// Which functions can be replaced while the program runs, and what that asks of their code.
#pragma once
#include "llvm/IR/Function.h"
#include <vector>

namespace halo {

/// The functions of a module that get a patchable entry, in module order.
std::vector<llvm::Function *> findPatchable(llvm::Module &M);

/// Gives the entry its bytes (image.h) and its alignment.
void makePatchable(llvm::Function &F);

} // namespace halo
