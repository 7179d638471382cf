// Pipeline: optimizes a region's module by a recipe and emits an object.
//
//     simplify    the same for every recipe of a processor: what
//                 ahead-of-time callers rely on, and where profiles are taken and used
//     optimize    by the recipe; LLVM's command line has the recipe's settings by then (Overrides)
//     emit
//
// Results keep every bit unless the recipe says otherwise: nothing here allows contraction,
// reassociation or reciprocal math.
#ifndef HALO_NATIVE_PIPELINE_H
#define HALO_NATIVE_PIPELINE_H

#include "Counts.h"
#include "Recipe.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

#include <memory>
#include <string>
#include <vector>

namespace halo {

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTarget(const llvm::Triple &T, const Recipe &R,
                                                                  llvm::StringRef Features);
// Returns where the object will count, if it is to.
std::vector<Counters> simplify(llvm::Module &M, llvm::TargetMachine &Target, const Counting &How);
llvm::Error optimize(llvm::Module &M, llvm::TargetMachine &Target, const Recipe &R);
llvm::Error emit(llvm::Module &M, llvm::TargetMachine &Target, const Recipe &R,
                 llvm::SmallVectorImpl<char> &Object);

std::string hostCpu();
std::string hostFeatures();

} // namespace halo

#endif
