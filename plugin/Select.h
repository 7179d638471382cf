// Select.h: which modules Halo acts on, and which functions of them get a patchable entry.
#ifndef HALO_PLUGIN_SELECT_H
#define HALO_PLUGIN_SELECT_H

#include "llvm/ADT/SetVector.h"
#include "llvm/IR/Module.h"

#include <string>

namespace halo {

/// Why a module cannot be a Halo module, as the end of a sentence that begins with its name;
/// empty when it can.
std::string findModuleObstacle(const llvm::Module &M);

/// The functions whose entries can be patched, in module order. `Once`: those entered once. Reads only.
llvm::SmallSetVector<llvm::Function *, 32>
selectPatchable(llvm::Module &M, const llvm::SmallSetVector<llvm::Function *, 8> &Once);

} // namespace halo

#endif
