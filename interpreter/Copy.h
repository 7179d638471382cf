// Copy: work that may leave clang in any state, or never end, in a copy of this process.
#ifndef HALO_INTERPRETER_COPY_H
#define HALO_INTERPRETER_COPY_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/JSON.h"

#include <optional>
#include <string>

namespace halo {

// What Work returns. Nothing: it crashed, or took more than two seconds.
std::optional<std::string> inCopy(llvm::function_ref<std::string()> Work);

// In the copy: ends it, from wherever Work is.
bool isCopy();
[[noreturn]] void leaveCopy(llvm::StringRef Result);

// The same for an object, whose text a copy may leave with; an empty one then.
llvm::json::Object objectInCopy(llvm::function_ref<llvm::json::Object()> Work);

} // namespace halo

#endif
