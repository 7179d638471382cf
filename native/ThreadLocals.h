// ThreadLocals: a region's accesses to the program's thread-local variables.
//
// Code that is linked into a running process can not have relocations against its thread-local
// storage. A variable at a known offset from the thread pointer is reached by that offset; any
// other by a call of its accessor, `NAME.tls`, which the image's symbol table lists.
#ifndef HALO_NATIVE_THREADLOCALS_H
#define HALO_NATIVE_THREADLOCALS_H

#include "Region.h"

namespace halo {

void replaceThreadLocal(const Image &I, llvm::GlobalVariable &V, const TlsOffsets &Offsets,
                        std::map<std::string, std::vector<Candidate>> &Accessors);

} // namespace halo

#endif
