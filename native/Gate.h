// Gate: the trial switch in front of a root, as gate.h draws it.
//
// Added after optimization: the root must neither be inlined into it nor know of it. It has the
// root's signature and calling convention; exceptions pass through it, uncounted.
#ifndef HALO_NATIVE_GATE_H
#define HALO_NATIVE_GATE_H

#include "llvm/IR/Function.h"

#include <string>
#include <utility>

namespace halo {

// Root is the optimized copy; IsRecursive: most calls are nested in others, be it that the original
// calls itself (its variants' own calls do not go through the gate) or that others call it back. Returns the
// symbols of the gate and of its control block.
std::pair<std::string, std::string> addGate(llvm::Function &Root, bool IsRecursive);

} // namespace halo

#endif
