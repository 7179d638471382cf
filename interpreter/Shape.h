// Shape: a type as a front must know it to make values of it.
//
// In: a type. Out: a JSON object: "kind", "type" (as C++ spells it), and what the kind needs:
//   number        code, bytes (Node.h)             character   bytes
//   enum          names: {name: value}             text        bytes, view: it does not own its characters
//   pointer       to: shape of what it leads to, if that is a number; const
//   array         dims, of                         vector, span, set   of
//   map           key, of                          optional    of
//   tuple         of: shapes                       record      fields: [{name, shape}]
//   function      returns, parameters: [{shape, pass: how it is passed}]
//   void, other
#ifndef HALO_INTERPRETER_SHAPE_H
#define HALO_INTERPRETER_SHAPE_H

#include "Compiler.h"

#include "llvm/Support/JSON.h"

namespace halo {

// {"shape": of a type, as it is written}, or {"diagnostics": why there is none}.
llvm::json::Object shapeOf(Compiler &C, llvm::StringRef Type);

} // namespace halo

#endif
