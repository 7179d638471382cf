// Prepare.h: one function simplified before its time, so that its loops can be cut out.
#ifndef HALO_PLUGIN_PREPARE_H
#define HALO_PLUGIN_PREPARE_H

#include "llvm/IR/PassManager.h"

namespace halo {

/// Inlines what is small, makes variables values, turns loops: those that count have a known count
/// then. Nothing that the pipeline would not do itself a little later.
void prepareFunction(llvm::Function &F, llvm::FunctionAnalysisManager &FAM);

/// Loops in simplified and LCSSA form, as Chunk.h wants them.
void formLoops(llvm::Function &F, llvm::FunctionAnalysisManager &FAM);

} // namespace halo

#endif
