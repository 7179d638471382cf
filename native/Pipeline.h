// Pipeline: optimizes a region's module by a recipe and emits an object.
//
// Results keep every bit: nothing here allows contraction, reassociation or reciprocal math. All
// knobs are per call; no process-wide option is set.
#ifndef HALO_NATIVE_PIPELINE_H
#define HALO_NATIVE_PIPELINE_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace halo {

struct Recipe {
  std::string Cpu, Features;
  int Level = 3;
  bool Vectorize = true, Slp = true, Unroll = true, Interleave = true;
  // Instructions of callees, before optimization, at which a region ends to grow: the most that
  // compiles in about half a second.
  unsigned RegionLimit = 4000;
  std::optional<int> InlineThreshold;
  std::string PreferVectorWidth, Passes; // empty: LLVM's own choice

  // Throws no knob away: an unknown key or a value it can not have is an Error.
  static llvm::Expected<Recipe> parse(std::string Cpu, std::string Features, int Level,
                                      const std::map<std::string, std::string> &Options);
};

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTarget(const llvm::Triple &T, const Recipe &R);
llvm::Error optimize(llvm::Module &M, llvm::TargetMachine &Target, const Recipe &R);
llvm::Error emit(llvm::Module &M, llvm::TargetMachine &Target, llvm::SmallVectorImpl<char> &Object);

std::string hostCpu();
std::string hostFeatures();

} // namespace halo

#endif
