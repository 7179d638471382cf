// Embed.h: the module as bitcode inside itself, and the numbering of what it defines.
#ifndef HALO_PLUGIN_EMBED_H
#define HALO_PLUGIN_EMBED_H

#include "Module.h"

namespace halo {

/// Gives every global value a name: the table at the pipeline's end is by name.
void nameGlobals(llvm::Module &M);

/// Declares what only the code generator refers to, so that it has a number: the function behind
/// `resume`. Fully static programs have nobody else who could say where it is.
void declareInvented(llvm::Module &M);

/// Was the module embedded by an earlier run (bitcode or .ll files compiled a second time)?
bool isEmbedded(const llvm::Module &M);

/// Adds the frame of image.h in section halo_bitcode and fills `State` (all but patchability and
/// pins). The embedded copy has no debug info and nothing of Halo's own.
void embedModule(llvm::Module &M, llvm::OptimizationLevel Level, ModuleState &State);

} // namespace halo

#endif
