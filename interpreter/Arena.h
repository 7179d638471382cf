// Arena: where linked inputs go in the executor.
//
// In: JITLink's graphs. Out: addresses, one input's beside the last one's, without asking; what is
// written there is sent with the actions in one message (executor/pack.h). Between hold and release that
// is one for all that is linked, and for a function of it that is called then: what LLVM takes for
// written is not there yet, so nothing may be called that needs it. Nothing is freed: inputs are not
// unlinked, and one that fails is forgotten with the processes that knew of it.
#ifndef HALO_INTERPRETER_ARENA_H
#define HALO_INTERPRETER_ARENA_H

#include "Channel.h"

#include "llvm/ExecutionEngine/JITLink/JITLinkMemoryManager.h"
#include "llvm/ExecutionEngine/Orc/Core.h"

#include <array>
#include <memory>
#include <vector>

namespace halo {

class Arena final : public llvm::jitlink::JITLinkMemoryManager {
public:
  // Takes address space in the executor. Errors: it does not offer that, or has none.
  static llvm::Expected<std::unique_ptr<Arena>> create(llvm::orc::ExecutionSession &Session,
                                                       const Channel &Line);

  void hold() { IsHeld = true; }
  // Last: the last action; none: no address. Returns when all have been run.
  llvm::Error release(llvm::orc::shared::WrapperFunctionCall Last = {});

  void allocate(const llvm::jitlink::JITLinkDylib *Library, llvm::jitlink::LinkGraph &Graph,
                OnAllocatedFunction OnAllocated) override;
  void deallocate(std::vector<FinalizedAlloc> Allocations, OnDeallocatedFunction OnDeallocated) override;
  using JITLinkMemoryManager::allocate;
  using JITLinkMemoryManager::deallocate;

private:
  class Flight;
  struct Area {
    llvm::orc::ExecutorAddr Next, End;
  };
  struct Segment {
    llvm::orc::ExecutorAddr At;
    uint64_t Bytes;
    std::vector<char> Content;
  };

  explicit Arena(llvm::orc::ExecutionSession &Session) : Session(Session) {}
  llvm::Expected<std::unique_ptr<InFlightAlloc>> place(llvm::jitlink::LinkGraph &Graph);
  llvm::Error write();

  llvm::orc::ExecutionSession &Session;
  llvm::orc::ExecutorAddr Write;
  std::array<Area, 3> Areas; // code, constants, data
  bool IsHeld = false;
  std::vector<Segment> Segments; // to be written, in the order in which their links came to an end
  llvm::orc::shared::AllocActions Actions;
};

} // namespace halo

#endif
