// Compiler: clang's Interpreter as a function from one input to one module.
//
// In: source text, an input after the other; each sees what came before. Out: a module whose
// initializers are the input's effects; diagnostics as text. After an error what clang holds is not to
// be relied on: the process is to be abandoned for one that was frozen before.
#ifndef HALO_INTERPRETER_COMPILER_H
#define HALO_INTERPRETER_COMPILER_H

#include "Modules.h"

#include "clang/Interpreter/Interpreter.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace halo {

class Compiler {
public:
  // Flags: as for clang. Failure: text for the user.
  // Consumer: sees every declaration before code is made of it.
  static llvm::Expected<std::unique_ptr<Compiler>> create(const llvm::Triple &Triple,
                                                          const std::vector<std::string> &Flags,
                                                          std::unique_ptr<clang::ASTConsumer> Consumer);
  ~Compiler();

  // As clang is set up for every input. With clang's own flags added to the user's.
  static llvm::Expected<std::unique_ptr<clang::CompilerInstance>>
  instanceFor(const llvm::Triple &Triple, const std::vector<std::string> &Flags);

  // The module; null after an error, which the diagnostics tell. It is to be gone before the next one.
  std::unique_ptr<llvm::Module> compile(llvm::StringRef Source);
  // The same for what is only to be looked at; not to be linked.
  std::unique_ptr<llvm::Module> compileAlone(llvm::StringRef Source) {
    Made.forget();
    return compile(Source);
  }
  // The next input is the user's first.
  void begin() { Own = Count; }
  // Of clang's name for an input, with what follows it; what is none stays as it is.
  std::string nameOf(llvm::StringRef File) const;
  // Whether it is in an input of the user's.
  bool isUsers(clang::SourceLocation At) { return nameOf(fileOf(At)) != fileOf(At); }
  // What clang has said since this was last asked.
  std::string takeDiagnostics();

  // Called in the midst of an input of which clang has said that there are too many errors; must not
  // return. Its parser may go on for ever then, at the end of an input above all.
  std::function<void()> GaveUp;

  clang::CompilerInstance &instance() { return *Session->getCompilerInstance(); }

private:
  explicit Compiler(bool AsksForPasses) : Text(Said), Made(AsksForPasses) {}
  llvm::StringRef fileOf(clang::SourceLocation At);

  unsigned Count = 0, Own = 0; // inputs, and those of them that are not the user's
  std::string Said;
  llvm::raw_string_ostream Text;
  Modules Made;
  std::unique_ptr<clang::Interpreter> Session;
};

} // namespace halo

#endif
