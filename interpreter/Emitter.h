// Emitter: object code of modules, by passes that are kept.
//
// LLVM makes a hundred passes and a streamer for whoever asks for code; for a module of one statement
// that takes longer than the code itself.
#ifndef HALO_INTERPRETER_EMITTER_H
#define HALO_INTERPRETER_EMITTER_H

#include "llvm/IR/Module.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Target/TargetMachine.h"

#include <memory>

namespace halo {

class Emitter {
public:
  explicit Emitter(llvm::TargetMachine &Machine);
  ~Emitter();

  // The object, by a name that is its module's own. What LLVM complains of is a failure.
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> emit(llvm::Module &M);

private:
  struct Pipeline;
  llvm::TargetMachine &Machine;
  std::unique_ptr<Pipeline> Kept;
};

} // namespace halo

#endif
