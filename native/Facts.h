// Facts: what can be said about one function of the merged module by looking at it.
//
// Pure functions over IR; they decide what may be copied into a region, what may be its root, and
// what a gate can stand in front of.
#ifndef HALO_NATIVE_FACTS_H
#define HALO_NATIVE_FACTS_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/Module.h"

#include <string>

namespace halo {

// Functions called directly with their own type, in order of appearance, repeated as called;
// intrinsics left out.
llvm::SmallVector<llvm::Function *, 8> directCallees(llvm::Function &F);

// Why F's body must not be copied (another definition may replace it, its rounding is not fixed,
// it looks at itself ...); empty when it may be.
std::string copyObstacle(llvm::Function &F);
// The same for the root of a region.
std::string rootObstacle(llvm::Function &F);
// Why no gate can forward calls to F; empty when one can.
std::string gateObstacle(llvm::Function &F);

// While nothing is known of the image's table: does it list F whatever became of it? The plugin leaves out
// statics with one call and tiny leaves; what it leaves out, the ahead-of-time optimizer may have changed
// beyond use.
bool isSurelyListed(const llvm::Function &F);

// Can the program take away what every gate needs? It reads the time-stamp counter (strict seccomp and
// PR_SET_TSC end the program then) and memory at a distance from the thread pointer (which programs that
// make threads by hand set as they like).
bool forbidsGates(const llvm::Module &M);

// Reads its own frame or return address: inlining and gates would be seen.
bool looksAtFrame(const llvm::Function &F);

} // namespace halo

#endif
