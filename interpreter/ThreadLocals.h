// ThreadLocals: thread-local variables of shared libraries, for code that emulates its own.
//
// In: names of control objects (__emutls_v.X) that no input has defined. Out: one for each X that the
// executor's libraries have; support.cpp's __emutls_get_address knows them.
#ifndef HALO_INTERPRETER_THREADLOCALS_H
#define HALO_INTERPRETER_THREADLOCALS_H

#include "llvm/ExecutionEngine/Orc/LLJIT.h"

namespace halo {

class ThreadLocals final : public llvm::orc::DefinitionGenerator {
public:
  ThreadLocals(llvm::orc::LLJIT &Jit, llvm::TargetMachine &Machine) : Jit(Jit), Machine(Machine) {}

  llvm::Error tryToGenerate(llvm::orc::LookupState &State, llvm::orc::LookupKind Kind,
                            llvm::orc::JITDylib &In, llvm::orc::JITDylibLookupFlags Flags,
                            const llvm::orc::SymbolLookupSet &Symbols) override;

private:
  llvm::Error define(llvm::orc::JITDylib &In, llvm::StringRef Variable);

  llvm::orc::LLJIT &Jit;
  llvm::TargetMachine &Machine;
};

} // namespace halo

#endif
