// Engine: object code into the executor and run there, input by input.
//
// In: a connection to an executor, LLVM modules. Out: their initializers have run there, once. One
// thread; every call to the executor has been answered when a member returns (Channel.h), so the
// process may be forked between any two of them.
#ifndef HALO_INTERPRETER_ENGINE_H
#define HALO_INTERPRETER_ENGINE_H

#include "Channel.h"
#include "Emitter.h"
#include "Places.h"

#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/Module.h"

#include <functional>
#include <memory>
#include <string>

namespace halo {

class Arena;

class Engine {
public:
  // Takes the descriptor over. OrcRuntime: path of LLVM's liborc_rt for the executor's machine.
  // Support: path of interpreter/support's object.
  static llvm::Expected<std::unique_ptr<Engine>> create(int Descriptor, const std::string &OrcRuntime,
                                                        const std::string &Support);
  ~Engine();

  const llvm::Triple &triple() const { return Triple; }
  llvm::orc::ExecutionSession &session() { return Jit->getExecutionSession(); }
  llvm::orc::LLJIT &jit() { return *Jit; }
  Channel &channel() { return *Line; }

  // A module's code, of which nothing has run.
  struct Code {
    std::unique_ptr<llvm::MemoryBuffer> Object;
    std::string Initialize; // the function that runs its initializers; empty: there are none
  };
  llvm::Expected<Code> emit(llvm::Module &M);
  // Libraries of the user's are loaded now. They may have variables of headers, too.
  void haveLibraries() { HasLibraries = true; }
  // Links it, and runs the initializers. What the executor prints is its own affair.
  llvm::Error run(Code Linked);
  // Calls of user code to Name come to Serve, with the bytes that it passed; the answer goes back.
  using Handler = std::function<std::string(llvm::ArrayRef<char>)>;
  llvm::Error serve(llvm::StringRef Name, Handler Serve);
  // The address of a symbol by its name in object files.
  llvm::Expected<llvm::orc::ExecutorAddr> lookUp(llvm::StringRef Name);
  // Leaves a frozen copy of the executor behind. How many threads it has: with more than one nothing
  // is frozen.
  llvm::Expected<uint64_t> freeze(uint64_t Id);
  // Who calls the one function, by its symbol, calls the other from now on.
  llvm::Error redirect(llvm::StringRef From, llvm::StringRef To);
  llvm::Error read(llvm::orc::ExecutorAddr From, llvm::MutableArrayRef<char> To);
  // What the executor has sent of its memory: the next read need not ask for it.
  void remember(llvm::orc::ExecutorAddr From, llvm::ArrayRef<char> Bytes) {
    Sent = {From, std::vector<char>(Bytes.begin(), Bytes.end())};
  }
  // Calls void Name() there.
  llvm::Error call(llvm::StringRef Name);
  // Calls a function of interpreter/support that takes and gives bytes.
  llvm::Expected<std::string> call(llvm::StringRef Name, llvm::ArrayRef<char> Bytes);
  // Runs destructors of what is static, and handlers of atexit, the last first.
  llvm::Error end() { return Jit->deinitialize(Jit->getMainJITDylib()); }
  // Symbols that nothing else defines are looked for in the header cache's code.
  llvm::Error accompany(const std::string &Library);
  const Places &places() const { return *Known; }

private:
  class Watch;
  Engine() = default;
  llvm::Error link(Code Linked);
  llvm::Error leaveToLibraries(llvm::Module &M);

  Channel *Line = nullptr; // owned by the session
  Arena *Memory = nullptr; // owned by the linker
  unsigned Modules = 0;
  llvm::orc::ExecutorAddr RunFunction; // support's __halo_run
  // What LLVM's platform is to run: of other modules than inputs, and of sections that inputs have made.
  bool HasForeignInitializers = false;
  bool HasLibraries = false;
  llvm::Triple Triple;
  std::unique_ptr<llvm::TargetMachine> Machine;
  std::unique_ptr<Emitter> Codes;
  std::unique_ptr<llvm::orc::LLJIT> Jit;
  std::shared_ptr<Places> Known = std::make_shared<Places>();
  std::string LastReport;
  std::pair<llvm::orc::ExecutorAddr, std::vector<char>> Sent;
};

} // namespace halo

#endif
