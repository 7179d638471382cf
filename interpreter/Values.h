// Values: what a trailing expression shows.
//
// An input that ends in an expression without a semicolon shows its value, from within the full
// expression, so that temporaries are alive. Class types are shown by code in the executor
// (support/show.h), everything else, and classes that tell nothing of themselves, by their layout:
// the type from clang, the bytes from the executor's memory, where a bad address is text and no fault.
#ifndef HALO_INTERPRETER_VALUES_H
#define HALO_INTERPRETER_VALUES_H

#include "Engine.h"

#include "clang/AST/ASTConsumer.h"
#include "clang/AST/Type.h"
#include "clang/Frontend/CompilerInstance.h"
#include "clang/Sema/Ownership.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace halo {

class Values {
public:
  struct Shown {
    std::string Type, Text;
  };

  // For the compiler's start. The compiler instance is told by `attach`, when it exists.
  std::unique_ptr<clang::ASTConsumer> consumer();
  void attach(clang::CompilerInstance &Instance) { this->Instance = &Instance; }

  // Handlers of the executor's calls.
  llvm::Error serve(Engine &E);
  // What has been shown since this was last asked.
  std::optional<Shown> take();

private:
  class Rewriter;
  clang::Expr *rewrite(clang::TopLevelStmtDecl &In, clang::Expr &Whole);
  clang::ExprResult temporary(clang::Expr &Value);
  std::string show(llvm::ArrayRef<char> Message);
  std::string showPlain(llvm::ArrayRef<char> Message);
  void learnNames();

  clang::CompilerInstance *Instance = nullptr;
  Engine *Machine = nullptr;
  unsigned Statements = 0;                      // that have names of their own
  std::vector<clang::QualType> Types;           // by the number that goes along with a value
  std::map<std::string, clang::QualType> Named; // by what __halo::name_of says
  std::optional<Shown> Last;
};

} // namespace halo

#endif
