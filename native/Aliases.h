// Aliases: what no pointer can lead to.
//
// The linker's view of one file told the ahead-of-time compiler that nobody takes the address of
// some static variables, so that no store through a pointer changes them. In a region they are
// declarations of the program's, of which an optimizer must assume the worst. `isSecluded` finds
// them in the whole image; `keepApart` says it of every access in a region, as alias scopes.
#ifndef HALO_NATIVE_ALIASES_H
#define HALO_NATIVE_ALIASES_H

#include "Image.h"

#include "llvm/IR/GlobalVariable.h"
#include "llvm/IR/Module.h"

namespace halo {

// All that a module says in assembly language, where a variable may be named too.
std::string assembly(const llvm::Module &M);

// A local pointer that is set once, to a variable of this file, becomes that variable: while it is in
// memory it looks as if it could lead there from anywhere. Other locals are left in memory, where the
// optimizer wants to meet them.
void forwardPointers(llvm::Module &M);

// A variable of one file that is only ever loaded and stored by its name.
bool isSecluded(const llvm::GlobalVariable &V);

// And is never stored: a constant, whatever the source calls it.
bool isNeverWritten(const llvm::GlobalVariable &V);

// Before the optimizer moves anything.
void keepApart(const Image &I, llvm::Module &M);

} // namespace halo

#endif
