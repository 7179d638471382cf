// Walk: which functions and variables a region consists of.
//
// In: the lazily loaded image and the roots. Out: the functions to copy (loaded), roots first, and
// every variable they reach. Nothing is changed but what is loaded.
#ifndef HALO_NATIVE_WALK_H
#define HALO_NATIVE_WALK_H

#include "Image.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/IR/Module.h"

namespace halo {

struct Reach {
  llvm::SetVector<llvm::Function *> Copied;
  llvm::SetVector<llvm::GlobalVariable *> Variables;
};

// Beyond Limit instructions callees stay the program's own, as far as they have a symbol there.
llvm::Expected<Reach> walk(const Image &I, llvm::Module &M, llvm::ArrayRef<std::string> Roots,
                           unsigned Limit);

// A constant whose contents a variant may know: no other definition can replace it at run time.
bool hasKnownContents(const llvm::GlobalVariable &V);

} // namespace halo

#endif
