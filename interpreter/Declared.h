// Declared: what the user's inputs have declared, and what an expression's type is.
#ifndef HALO_INTERPRETER_DECLARED_H
#define HALO_INTERPRETER_DECLARED_H

#include "Compiler.h"
#include "Values.h"

#include "llvm/Support/JSON.h"

namespace halo {

// {"declared": [{"kind", "name", "type", "text"}]}, in the order of their declarations. Kinds: variable,
// function, type, template, namespace. Text: of a variable whose value needs no code to be shown.
llvm::json::Object declared(Compiler &C, Engine &Machine, Values &Shown);

// {"text": of the type}, without evaluating the expression, or {"diagnostics"}. A type is its own.
llvm::json::Object typeOf(Compiler &C, llvm::StringRef Expression);

} // namespace halo

#endif
