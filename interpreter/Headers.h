// Headers: the header cache: declarations of common headers, parsed once, as clang's precompiled
// header. It holds for the flags it was written with; clang refuses it when a header has changed.
#ifndef HALO_INTERPRETER_HEADERS_H
#define HALO_INTERPRETER_HEADERS_H

#include "llvm/Support/Error.h"
#include "llvm/TargetParser/Triple.h"

#include <string>
#include <vector>

namespace halo {

// Writes what Header includes to Output, which appears whole or not at all.
llvm::Error writeHeaders(const llvm::Triple &Triple, const std::vector<std::string> &Flags,
                         const std::string &Header, const std::string &Output);

} // namespace halo

#endif
