// Companion: the code of what the header cache defines.
//
// In: the path of a library that was made with the cache (repl/headers.py). Out: a generator that finds
// its symbols in it, and has the executor load it when the first of them is wanted.
#ifndef HALO_INTERPRETER_COMPANION_H
#define HALO_INTERPRETER_COMPANION_H

#include "llvm/ExecutionEngine/Orc/EPCDynamicLibrarySearchGenerator.h"

#include <memory>
#include <string>
#include <vector>

namespace halo {

class Companion final : public llvm::orc::DefinitionGenerator {
public:
  // Services: addresses of support's functions, in the order of headers.h: a library that the system
  // has loaded cannot be linked with them.
  Companion(llvm::orc::ExecutionSession &Session, std::string Library,
            std::vector<llvm::orc::ExecutorAddr> Services)
      : Session(Session), Library(std::move(Library)), Services(std::move(Services)) {}

  static const std::vector<std::string> &services();

  llvm::Error tryToGenerate(llvm::orc::LookupState &State, llvm::orc::LookupKind Kind,
                            llvm::orc::JITDylib &In, llvm::orc::JITDylibLookupFlags Flags,
                            const llvm::orc::SymbolLookupSet &Symbols) override;

private:
  llvm::Error load();

  llvm::orc::ExecutionSession &Session;
  std::string Library;
  std::vector<llvm::orc::ExecutorAddr> Services;
  std::unique_ptr<llvm::orc::EPCDynamicLibrarySearchGenerator> Loaded;
};

} // namespace halo

#endif
