// Symbols.h: the table of where this module's things are, section halo_symbols.
#ifndef HALO_PLUGIN_SYMBOLS_H
#define HALO_PLUGIN_SYMBOLS_H

#include "Module.h"

namespace halo {

/// Adds the table entries for what `State` remembers and the final code still has or uses.
void tableSymbols(llvm::Module &M, const ModuleState &State);

} // namespace halo

#endif
