// Walk: which functions and variables a region consists of.
//
// In: the lazily loaded image and the roots. Out: the functions to copy (loaded), roots first, and
// every variable they reach. Nothing is changed but what is loaded.
#ifndef HALO_NATIVE_WALK_H
#define HALO_NATIVE_WALK_H

#include "Image.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/Module.h"

namespace halo {

struct Reach {
  llvm::SetVector<llvm::Function *> Copied;
  llvm::SetVector<llvm::GlobalVariable *> Variables;
};

// Which functions a region is to have beside its roots, as far as they have a symbol in the program:
// those without one it must have.
struct Wanted {
  unsigned Limit;           // instructions of callees
  llvm::StringSet<> Likely; // count as if the region took their addresses
  llvm::StringSet<> Hot;    // come first, and beyond Limit; if there are any, of others only small ones
};

llvm::Expected<Reach> walk(const Image &I, llvm::Module &M, llvm::ArrayRef<std::string> Roots,
                           const Wanted &Members);

// A constant whose contents a variant may know: no other definition can replace it at run time.
bool hasKnownContents(const llvm::GlobalVariable &V);

// A function or constant of which nothing is left in the program, so that nobody there holds its
// address: the region may have one of its own. What must be emitted wherever it is defined is
// another matter, unless its address means nothing: why it is not listed is not known.
bool isOnlyOurs(const Image &I, const llvm::GlobalObject &O);

} // namespace halo

#endif
