// Recipe: how a region is to be compiled.
//
// In: words from Python. Out: a value in which every word has a meaning, or an Error that names the
// one that has none. What settings are worth trying, and under which names people know them, is
// decided elsewhere (model/knobs.py); here are LLVM's own mechanisms.
#ifndef HALO_NATIVE_RECIPE_H
#define HALO_NATIVE_RECIPE_H

#include "llvm/Support/Error.h"

#include <map>
#include <optional>
#include <string>

namespace halo {

// Which rounding of floating-point results a user accepts. Strict: the ahead-of-time code's, to the
// last bit.
enum class FloatingPoint { Strict, Contract, Fast };

struct Recipe {
  using Words = std::map<std::string, std::string>;

  std::string Cpu, Features; // the processor's, which simplification is for
  std::string MoreFeatures;  // for all that follows
  int Level = 3;
  bool Vectorize = true, Slp = true, Unroll = true, Interleave = true, Fusion = false, Polly = false;
  FloatingPoint Rounding = FloatingPoint::Strict;
  // Instructions of callees, before optimization, at which a region ends to grow: the most that
  // compiles in about half a second.
  unsigned RegionLimit = 4000;
  unsigned LoopAlignment = 0; // bytes; 0: LLVM's own choice, as everything empty here
  std::optional<int> InlineThreshold;
  std::string RegisterAllocator, Passes;
  Words Attributes; // of every function
  Words Places;     // place in the default pipeline -> passes to run there too
  Words Settings;   // of LLVM's command line

  // Throws no knob away: an unknown key or a value it can not have is an Error.
  static llvm::Expected<Recipe> parse(std::string Cpu, std::string Features, int Level, const Words &Options);
};

} // namespace halo

#endif
