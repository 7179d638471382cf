// The module's bitcode, framed into the section halo_bitcode.
#pragma once
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/OptimizationLevel.h"

namespace halo {

/// What the end of the pipeline must remember of its start.
struct Embedded {
  struct Named {
    uint32_t Ordinal;
    llvm::Type *ValueType;
    bool IsConstant;
  };
  uint64_t Module = 0; ///< module id
  llvm::StringMap<Named> Names;
};

/// Numbers the module's globals, writes its bitcode and keeps it in a new global. Call before anything of
/// Halo's is added to the module.
Embedded embedBitcode(llvm::Module &M, llvm::OptimizationLevel Level);

} // namespace halo
