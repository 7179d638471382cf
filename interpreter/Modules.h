// Modules: clang's code generator, module by module.
//
// In: declarations, as the last of a compiler's consumers. Out: one module for each input. clang's own
// action for that has all modules in one context, which never frees metadata, and sets up LLVM's passes
// for each of them, of which one that is not optimized needs almost never any.
#ifndef HALO_INTERPRETER_MODULES_H
#define HALO_INTERPRETER_MODULES_H

#include "clang/CodeGen/ModuleBuilder.h"
#include "clang/Frontend/CompilerInstance.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

#include <memory>

namespace halo {

class Modules {
public:
  // Outlives the compiler that gets its consumer. AsksForPasses: the user's flags may do so.
  explicit Modules(bool AsksForPasses) : AsksForPasses(AsksForPasses) {}

  // The compiler must not make code by itself.
  std::unique_ptr<clang::ASTConsumer> consumer(clang::CompilerInstance &Instance);
  // The compiler exists. Code of headers that flags include goes with the first input, but for that of
  // a header cache, which is a library's.
  void begin();
  // What has been made of an input that has ended, or null after an error, which clang has told. It is
  // to be gone before this is called again.
  std::unique_ptr<llvm::Module> take();
  // The next one has code of all that is static in it, as if nothing had been made before.
  void forget() { United.clear(); }

private:
  void unite(llvm::Module &M);
  void runPasses(llvm::Module &M);

  bool AsksForPasses;
  unsigned Count = 0;
  llvm::StringSet<> United;                         // symbols that an earlier module has made external
  std::unique_ptr<llvm::LLVMContext> Context, Last; // of the next module, and of earlier ones
  std::unique_ptr<llvm::Module> First;
  clang::CompilerInstance *Instance = nullptr;
  clang::CodeGenerator *Generator = nullptr; // owned by the compiler
};

} // namespace halo

#endif
