// Values: what a trailing expression shows.
//
// An input that ends in an expression without a semicolon shows its value, from within the full
// expression, so that temporaries are alive. Class types are shown by code in the executor
// (support/show.h), everything else, and classes that tell nothing of themselves, by their layout:
// the type from clang, the bytes from the executor's memory, where a bad address is text and no fault.
// Members of class type that are met there are shown by the executor again, which has been told of their
// types along with the value. A front that wants the value itself gets a node of bytes (support/give.h).
#ifndef HALO_INTERPRETER_VALUES_H
#define HALO_INTERPRETER_VALUES_H

#include "Engine.h"
#include "Layout.h"

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

// What a front wants of a value.
enum class Form { Text, Display, Node };

class Values {
public:
  struct Picture {
    std::string Mime, Data;
  };
  struct Shown {
    std::string Type, Text, Node;
    std::vector<Picture> Pictures;
  };

  // For the compiler's start. The compiler instance is told by `attach`, when it exists.
  std::unique_ptr<clang::ASTConsumer> consumer();
  void attach(clang::CompilerInstance &Instance) { this->Instance = &Instance; }

  // Handlers of the executor's calls.
  llvm::Error serve(Engine &E);
  // Before an input or a call: the form of its value, and bytes that it may take.
  void expect(Form As, std::string Data);
  // What has been shown since this was last asked.
  std::optional<Shown> take();
  // The input was an expression that changes nothing, and nothing else but perhaps directives.
  bool isPure() const { return IsPure && Declared == 1; }
  // What a variable shows, as far as no code needs to be compiled for it.
  std::string show(clang::QualType Type, uint64_t At) { return layout().show(Type, At); }

private:
  class Rewriter;
  clang::Expr *rewrite(clang::TopLevelStmtDecl &In, clang::Expr &Whole);
  clang::ExprResult functionFor(clang::QualType Type, clang::SourceLocation At);
  clang::ExprResult temporary(clang::Expr &Value);
  std::string show(llvm::ArrayRef<char> Message);
  std::string showPlain(llvm::ArrayRef<char> Message, Form As);
  void learn(llvm::ArrayRef<char> Message);
  void learnNames();
  void learnHook();
  void addMembers(clang::QualType Of, std::vector<clang::QualType> &Types, unsigned Depth, bool IsField);
  Layout layout();
  std::string node(clang::QualType Type, uint64_t At, unsigned Depth);
  std::optional<std::string> member(Form As, clang::QualType Type, uint64_t At, unsigned Depth);

  clang::CompilerInstance *Instance = nullptr;
  Engine *Machine = nullptr;
  unsigned Statements = 0;                      // that have names of their own
  std::vector<clang::QualType> Types;           // by the number that goes along with a value
  std::map<std::string, clang::QualType> Named; // by what __halo::name_of says
  std::optional<Shown> Last;
  std::vector<Picture> Pictures;
  Form Wanted = Form::Text;
  std::string Data;
  bool IsPure = false;
  unsigned Declared = 0; // by the input, its expression included
  unsigned Hooks = 0;    // as show.h has them
  // Functions in the executor for members, by their canonical types, and the types that it is told of
  // with a value, by its number.
  std::map<const void *, uint64_t> Showers, Givers;
  std::map<uint64_t, std::vector<clang::QualType>> Told;
};

} // namespace halo

#endif
