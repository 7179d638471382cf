// Declarations: what a text declares and states at its outermost level, by its tokens alone.
#ifndef HALO_INTERPRETER_DECLARATIONS_H
#define HALO_INTERPRETER_DECLARATIONS_H

#include "clang/Basic/LangOptions.h"
#include "llvm/ADT/StringRef.h"

#include <optional>
#include <utility>

namespace halo {

using Range = std::pair<size_t, size_t>; // offsets, from and to

// The declaration or statement that a place is in; nothing: it is in none.
std::optional<Range> declarationAt(const clang::LangOptions &Options, llvm::StringRef Text, size_t At);
// Of `struct S : B { ... } s;` the part between `S` and `s`; nothing: it is not of that kind.
std::optional<Range> definitionWithin(const clang::LangOptions &Options, llvm::StringRef Declaration);
bool haveSameTokens(const clang::LangOptions &Options, llvm::StringRef One, llvm::StringRef Other);

} // namespace halo

#endif
