// Completion: what may stand at a place of a text, and what a name is.
#ifndef HALO_INTERPRETER_COMPLETION_H
#define HALO_INTERPRETER_COMPLETION_H

#include "Compiler.h"

#include "llvm/Support/JSON.h"

namespace halo {

// {"start": byte offset, "items": [{"text", "kind", "signature"}]}, by priority, then by name.
llvm::json::Object complete(Compiler &C, llvm::StringRef Text, size_t Cursor);

// {"text": …} for a person: a declaration and its documentation, or the type of an expression. Empty:
// neither.
llvm::json::Object describe(Compiler &C, llvm::StringRef Name);

// Every declaration of a::b::c.
std::vector<clang::NamedDecl *> named(clang::ASTContext &Context, llvm::StringRef Name);

} // namespace halo

#endif
