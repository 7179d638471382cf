// Once.h: functions that are entered once (main above all), where no entry leads to better code.
#ifndef HALO_PLUGIN_ONCE_H
#define HALO_PLUGIN_ONCE_H

#include "llvm/ADT/SetVector.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/Module.h"

namespace halo {

/// True when the call stands on a cycle of its function.
bool isInLoop(const llvm::CallBase &Call);

bool hasLoops(const llvm::Function &F);

/// main, what starts threads, functions with a loop that never return, and functions whose only use
/// is one call outside of loops in such a function. Reads only.
llvm::SmallSetVector<llvm::Function *, 8> findEnteredOnce(llvm::Module &M);

/// Keeps the calls in the loops of `Once` whose callee is patchable and long enough to be worth an
/// entry: inlined, the callee would be entered no more than its caller.
void keepCalls(const llvm::SmallSetVector<llvm::Function *, 8> &Once,
               const llvm::SmallSetVector<llvm::Function *, 32> &Patchable);

} // namespace halo

#endif
