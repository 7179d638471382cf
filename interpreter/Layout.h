// Layout: a value as text, from its type and the bytes in the executor's memory.
#ifndef HALO_INTERPRETER_LAYOUT_H
#define HALO_INTERPRETER_LAYOUT_H

#include "Engine.h"

#include "clang/AST/ASTContext.h"
#include "clang/AST/Type.h"

#include <string>

namespace halo {

class Layout {
public:
  Layout(clang::ASTContext &Context, Engine &Machine) : Context(Context), Machine(Machine) {}

  // The object of this type at this address. Never fails: what cannot be read says so.
  std::string show(clang::QualType Type, uint64_t At, unsigned Depth = 0);
  // The type as clang-repl prints it in front of a value.
  std::string name(clang::QualType Type) const;

private:
  std::string showBytes(clang::QualType Type, llvm::ArrayRef<char> Bytes, uint64_t At, unsigned Depth);
  std::string showScalar(clang::QualType Type, const llvm::APInt &Bits);
  std::string showEnumerator(const clang::EnumType &Type, const llvm::APSInt &Value);
  std::string showPointer(clang::QualType Pointee, uint64_t To);
  std::string showArray(clang::QualType Element, uint64_t Count, llvm::ArrayRef<char> Bytes, uint64_t At,
                        unsigned Depth);
  std::string showRecord(const clang::RecordDecl &Record, llvm::ArrayRef<char> Bytes, uint64_t At,
                         unsigned Depth);

  clang::ASTContext &Context;
  Engine &Machine;
};

// Text between quotes, as a C++ literal would have it.
std::string quote(llvm::StringRef Text, char Quote, bool IsCut = false);

} // namespace halo

#endif
