// Pragmas: what an input can tell a session besides C++.
//
//   #pragma halo include_path("DIRECTORY")   headers are looked for there, too, as with -I
//   #pragma halo library_path("DIRECTORY")   libraries, as with -L
#ifndef HALO_INTERPRETER_PRAGMAS_H
#define HALO_INTERPRETER_PRAGMAS_H

#include "Libraries.h"

#include "clang/Frontend/CompilerInstance.h"

namespace halo {

// Libraries outlive the instance.
void attachPragmas(clang::CompilerInstance &Instance, Libraries &Libraries);

} // namespace halo

#endif
