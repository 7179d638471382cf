// Module.h: what the two halves of the plugin know about one module.
//
// The first half runs at the pipeline's start, embeds the module and remembers what it numbered
// there; the second runs at the pipeline's end and tables what is still as it was. Between them
// the optimizer may have changed anything, so the memory goes by name and type, not by pointer.
#ifndef HALO_PLUGIN_MODULE_H
#define HALO_PLUGIN_MODULE_H

#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/OptimizationLevel.h"

#include <cstdint>

namespace halo {

/// A global value as it stood when the module was embedded.
struct Remembered {
  uint32_t Ordinal = 0;
  llvm::Type *ValueType = nullptr;
  bool IsPatchable = false;
  bool IsConstant = false;
  /// Its address cannot be observed and nobody else can name it: the controller copies it.
  bool IsLiteral = false;
};

struct ModuleState {
  /// False: the module is left alone (sanitizers, foreign target, nothing to embed, already done).
  bool IsActive = false;
  /// ThinLTO turns copies of inline functions that do not prevail into declarations, in place.
  bool IsThinLink = false;
  /// First 8 bytes of the digest of the embedded bitcode.
  uint64_t Id = 0;
  llvm::StringMap<Remembered> Globals;
  /// Names of the functions that were added to llvm.compiler.used only to keep their ABI.
  llvm::StringMap<bool> Pinned;
};

} // namespace halo

#endif
