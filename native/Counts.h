// Counts: how often the parts of a region's functions run: counting it, and using what was counted.
//
// Both happen at the same place, after the simplification that is the same for every recipe and a
// little inlining, so that a function has the same shape, and LLVM's hash of it, in the build that
// counts and in all that use the counts. Counting code has no run-time library: each function's
// counters are an array of the object, and so are the targets of its indirect calls.
//
//     NAME.halo.counts     u64 counter[count]
//     NAME.halo.targets    { u64 address, u64 calls } seen[sites][4]
//
// Threads count without locks and may lose some. The first four targets of a site are kept.
#ifndef HALO_NATIVE_COUNTS_H
#define HALO_NATIVE_COUNTS_H

#include "llvm/IR/Module.h"
#include "llvm/IR/PassManager.h"

#include <string>
#include <utility>
#include <vector>

namespace halo {

// Where an object counts a function.
struct Counters {
  std::string Name; // the image's
  uint64_t Hash = 0;
  std::string Symbol;
  unsigned Count = 0;
  std::string Targets; // symbol; empty: no indirect calls
  unsigned Sites = 0;
};

// What was counted of a function; targets by site are the image's names.
struct FunctionProfile {
  std::string Name;
  uint64_t Hash = 0;
  std::vector<uint64_t> Counts;
  std::vector<std::vector<std::pair<std::string, uint64_t>>> Targets;
};

struct Counting {
  bool IsWanted = false;                // counters are added ...
  std::vector<FunctionProfile> Profile; // ... or these are used; of functions that changed they are not
};

// Adds the passes that instrument, or that annotate and make likely indirect calls direct.
void addCounting(llvm::ModulePassManager &Passes, const llvm::Module &M, const Counting &How);
// After those have run: LLVM's calls that count become code that does.
std::vector<Counters> lowerCounters(llvm::Module &M);

} // namespace halo

#endif
