// bind: what the binding files share: the exception family and how an llvm::Error becomes one.
#ifndef HALO_NATIVE_BIND_H
#define HALO_NATIVE_BIND_H

#include "llvm/Support/Error.h"

#include <nanobind/nanobind.h>

namespace halo::bind {

enum class Fault { LLVM, Bitcode, Link, Disconnected };

// Both must be called with the GIL held.
[[noreturn]] void raise(Fault Kind, const std::string &Message);
template <typename T> T unwrap(llvm::Expected<T> Value, Fault Kind = Fault::LLVM) {
  if (!Value)
    raise(Kind, llvm::toString(Value.takeError()));
  return std::move(*Value);
}

void addImage(nanobind::module_ &Module);
void addSession(nanobind::module_ &Module);

} // namespace halo::bind

#endif
