// Target: for which processor each function was compiled, and for which it is compiled now.
//
// A function that has its module's default target is free: it takes the recipe's. One with an
// explicit target("...") keeps its own. What it was compiled for stays on record as attributes of
// ours, since rounding and the vector ABI depend on it.
#ifndef HALO_NATIVE_TARGET_H
#define HALO_NATIVE_TARGET_H

#include "Frames.h"

#include "llvm/ADT/StringRef.h"

namespace llvm {
class Function;
class MCSubtargetInfo;
class Module;
} // namespace llvm

namespace halo {

// When an image is read: moves default targets aside, and undoes what -O0 added to functions.
void noteTarget(llvm::Module &M, const Frame &F);
// Did the ahead-of-time target of F have this feature?
bool hadFeature(const llvm::Function &F, llvm::StringRef Feature);
// When a region is built: gives its free functions the recipe's target. They keep the ahead-of-time
// one where the recipe's lacks something they may use (a file of AVX-512 code that is called only
// where it can run), and all do where the recipe's would pass wide vectors differently. Until
// it is final another may be chosen.
void applyTarget(llvm::Module &M, const llvm::MCSubtargetInfo &Recipe, llvm::StringRef Cpu,
                 llvm::StringRef Features, bool IsFinal);

} // namespace halo

#endif
