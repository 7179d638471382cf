// Entries.h: the patchable bytes at function entries, and what keeps ABIs and call chains intact.
#ifndef HALO_PLUGIN_ENTRIES_H
#define HALO_PLUGIN_ENTRIES_H

#include "Module.h"

#include "llvm/ADT/SetVector.h"

namespace halo {

/// Prefix and prologue data of image.h, 16-byte alignment.
void writeEntries(llvm::Module &M, const llvm::SmallSetVector<llvm::Function *, 32> &Patchable);

/// Puts local patchable functions in llvm.compiler.used: a function that somebody unknown may call
/// keeps its arguments and calling convention. So do function statics with a guard: they keep their
/// storage. All their names go to `State.Pinned`.
void pinLocals(llvm::Module &M, const llvm::SmallSetVector<llvm::Function *, 32> &Patchable,
               ModuleState &State);

/// Takes the pins off again; what nothing else refers to may now be deleted.
void unpinLocals(llvm::Module &M, const ModuleState &State);

/// Frame pointers in functions that call others, where the user has not said otherwise. Those that
/// call none are free to use the register: keeping it costs tight loops up to 6 %, and samples that
/// lose their callers so are put where others show them (profile/calltree.py).
void keepFramePointers(llvm::Module &M);

} // namespace halo

#endif
