// The table halo_symbols: where the final code has what the embedded bitcode names.
#pragma once
#include "Bitcode.h"

namespace halo {

/// Adds the entries (image.h). Call at the end of the pipeline, with what embedBitcode returned for this
/// module.
void writeSymbols(llvm::Module &M, const Embedded &Start);

} // namespace halo
