// Redefinition: an input that defines again what an earlier one has defined.
//
// clang finds out while it parses, and by then its state is spoilt. So an input that fails over
// redefinitions tells what it would take, the process is given up, and in the one that takes its place
// the input is parsed again with that:
//
// - A variable, or a function of the same type, is hidden: earlier code keeps the old one, later code
//   sees the new one, which gets a symbol of its own.
// - Any other declaration that is the same to the last token is left out: classes, templates, namespaces.
// - Anything else stays the error that it is.
#ifndef HALO_INTERPRETER_REDEFINITION_H
#define HALO_INTERPRETER_REDEFINITION_H

#include "Declarations.h"

#include "clang/AST/ASTConsumer.h"
#include "clang/Frontend/CompilerInstance.h"
#include "llvm/Support/JSON.h"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace halo {

class Redefinition {
public:
  // For the compiler's start, then the compiler instance with the diagnostics that it will keep.
  std::unique_ptr<clang::ASTConsumer> consumer();
  void attach(clang::CompilerInstance &Instance);

  // Before an input: what an earlier try asked for; the source without what is left out.
  std::string apply(const llvm::json::Object &Wanted, llvm::StringRef Source);
  // After one that failed: what another try would take. "hide": declarations, by name and place; "drop":
  // ranges of the input, their offsets. Both are empty where no other try helps.
  llvm::json::Object wanted();
  // The last one failed over a definition that cannot be made again.
  bool isStuck() const { return !Clashes.empty(); }
  // Symbols of functions that the input has replaced, and of those that take their place.
  std::vector<std::pair<std::string, std::string>> takeReplaced() { return std::exchange(Replaced, {}); }

private:
  class Listener;
  class Namer;
  struct Clash {
    std::string Name;
    unsigned New, Old; // source locations, as clang encodes them
  };
  clang::NamedDecl *find(llvm::StringRef Name, unsigned At, clang::NamedDecl *New = nullptr) const;
  void hide(clang::NamedDecl &Old);
  std::optional<Range> repeated(const Clash &Of) const;

  clang::CompilerInstance *Instance = nullptr;
  std::vector<Clash> Clashes;   // of the current input
  std::set<std::string> Hidden; // names that the current input defines again
  std::vector<clang::FunctionDecl *> Old;
  std::vector<std::pair<std::string, std::string>> Replaced;
  unsigned Generation = 0;
};

} // namespace halo

#endif
