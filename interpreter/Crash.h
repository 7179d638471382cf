// Crash: where an input has crashed, as its writer knows the place.
//
// In: what a dying executor tells (executor/crash.h), the places of linked code. Out: a JSON object:
//   frames   [{function, file, line}], the innermost first; file and line where they are known
#ifndef HALO_INTERPRETER_CRASH_H
#define HALO_INTERPRETER_CRASH_H

#include "Compiler.h"
#include "Places.h"

#include "llvm/Support/JSON.h"

namespace halo {

llvm::json::Object crash(llvm::ArrayRef<char> Message, const Places &Known, const Compiler &C);

} // namespace halo

#endif
