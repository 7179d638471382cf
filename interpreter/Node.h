// Node: a value as bytes for a front that computes with it, from its type and the executor's memory.
//
// The format, and what the executor makes itself, is support/give.h.
#ifndef HALO_INTERPRETER_NODE_H
#define HALO_INTERPRETER_NODE_H

#include "Layout.h"

#include "llvm/Support/JSON.h"

namespace halo {

// How numbers of this type are encoded: code and bytes of one; nothing: it is none.
struct NumberCode {
  char Code; // b i u f c
  uint8_t Bytes;
};
std::optional<NumberCode> numberCode(clang::ASTContext &Context, clang::QualType Type);

class Nodes {
public:
  Nodes(clang::ASTContext &Context, Engine &Machine, Layout Show, Member Give)
      : Context(Context), Machine(Machine), Show(std::move(Show)), GiveMember(std::move(Give)) {}

  // The object of this type at this address. Never fails: what cannot be read is text that says so.
  std::string node(clang::QualType Type, uint64_t At, unsigned Depth);
  // What has text only.
  static std::string text(llvm::StringRef Type, llvm::StringRef Text);

private:
  std::string encode(clang::QualType Type, llvm::ArrayRef<char> Bytes, uint64_t At, unsigned Depth);
  std::string array(clang::QualType Array, llvm::ArrayRef<char> Bytes, uint64_t At, unsigned Depth);
  std::string enumerator(const clang::EnumType &Type, llvm::ArrayRef<char> Bytes);
  std::string pointer(clang::QualType Type, uint64_t To);
  std::string record(const clang::RecordDecl &Record, llvm::ArrayRef<char> Bytes, uint64_t At,
                     unsigned Depth);
  void addFields(const clang::RecordDecl &Record, llvm::ArrayRef<char> Bytes, uint64_t At, unsigned Depth,
                 std::string &Fields, uint64_t &Count);
  std::string number(clang::QualType Type, llvm::ArrayRef<char> Bytes) const;

  clang::ASTContext &Context;
  Engine &Machine;
  Layout Show;
  Member GiveMember;
  unsigned Unions = 0;
};

} // namespace halo

#endif
