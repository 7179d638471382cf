// Layout: a value as text, from its type and the bytes in the executor's memory.
#ifndef HALO_INTERPRETER_LAYOUT_H
#define HALO_INTERPRETER_LAYOUT_H

#include "Engine.h"

#include "clang/AST/ASTContext.h"
#include "clang/AST/Type.h"

#include <functional>
#include <optional>
#include <string>

namespace halo {

// What the executor makes of a member of class type: nothing, if it knows no better than its layout.
using Member = std::function<std::optional<std::string>(clang::QualType, uint64_t At, unsigned Depth)>;

class Layout {
public:
  Layout(clang::ASTContext &Context, Engine &Machine, Member Show = nullptr)
      : Context(Context), Machine(Machine), ShowMember(std::move(Show)) {}

  // The object of this type at this address. Never fails: what cannot be read says so.
  std::string show(clang::QualType Type, uint64_t At, unsigned Depth = 0, bool IsMember = false);
  // The type as clang-repl prints it in front of a value.
  std::string name(clang::QualType Type) const;

private:
  std::string showBytes(clang::QualType Type, llvm::ArrayRef<char> Bytes, uint64_t At, unsigned Depth,
                        bool IsMember = true);
  std::string showScalar(clang::QualType Type, const llvm::APInt &Bits);
  std::string showEnumerator(const clang::EnumType &Type, const llvm::APSInt &Value);
  std::string showPointer(clang::QualType Pointee, uint64_t To);
  std::string showArray(clang::QualType Element, uint64_t Count, llvm::ArrayRef<char> Bytes, uint64_t At,
                        unsigned Depth);
  std::string showRecord(const clang::RecordDecl &Record, llvm::ArrayRef<char> Bytes, uint64_t At,
                         unsigned Depth, bool IsWhole = true);
  std::string showCharacters(clang::QualType Element, llvm::ArrayRef<char> Bytes, bool IsCut);

  clang::ASTContext &Context;
  Engine &Machine;
  Member ShowMember;
  unsigned Unions = 0; // around what is shown: nobody knows which member is alive
};

// Of a number in memory, from the lowest byte on.
llvm::APInt bits(llvm::ArrayRef<char> Bytes);

// Where a virtual base of a complete object is; nothing: its memory cannot be read.
std::optional<uint64_t> placeOfVirtualBase(clang::ASTContext &Context, Engine &Machine,
                                           const clang::CXXRecordDecl &Of, const clang::CXXRecordDecl &Base,
                                           uint64_t At);

// Of an element of a string.
bool isCharacter(clang::QualType Type);

// Text between quotes, as a C++ literal would have it.
std::string quote(llvm::StringRef Text, char Quote, bool IsCut = false);

} // namespace halo

#endif
