// Outline.h: hot-looking loops of functions that are entered once become functions.
#ifndef HALO_PLUGIN_OUTLINE_H
#define HALO_PLUGIN_OUTLINE_H

#include "llvm/ADT/SetVector.h"
#include "llvm/IR/PassManager.h"

namespace halo {

/// Cuts the loops of the functions `Once` into pieces and makes each piece a function of its own,
/// `main.loop1` and so on; returns these. Nothing is changed where nothing is found.
llvm::SmallVector<llvm::Function *, 8> outlineLoops(llvm::Module &M, llvm::ModuleAnalysisManager &AM,
                                                    const llvm::SmallSetVector<llvm::Function *, 8> &Once);

} // namespace halo

#endif
