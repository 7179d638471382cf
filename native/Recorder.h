// Recorder: where JITLink put the functions and variables of each object.
#ifndef HALO_NATIVE_RECORDER_H
#define HALO_NATIVE_RECORDER_H

#include "Session.h"

#include "llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h"

#include <mutex>

namespace halo {

class Recorder : public llvm::orc::ObjectLinkingLayer::Plugin {
public:
  // Local symbols count too: a profiler wants their names.
  void modifyPassConfig(llvm::orc::MaterializationResponsibility &MR, llvm::jitlink::LinkGraph &,
                        llvm::jitlink::PassConfiguration &Config) override {
    auto *Scope = &MR.getTargetJITDylib();
    Config.PostFixupPasses.push_back([this, Scope](llvm::jitlink::LinkGraph &G) {
      LinkMap Found;
      for (auto *Symbol : G.defined_symbols())
        if (Symbol->hasName() && *Symbol->getName() != "_GLOBAL_OFFSET_TABLE_")
          Found[(*Symbol->getName()).str()] = {Symbol->getAddress().getValue(), Symbol->getSize()};
      std::lock_guard Lock(M);
      Maps[Scope] = std::move(Found);
      return llvm::Error::success();
    });
  }

  LinkMap take(llvm::orc::JITDylib &Scope) {
    std::lock_guard Lock(M);
    LinkMap Result = std::move(Maps[&Scope]);
    Maps.erase(&Scope);
    return Result;
  }

  llvm::Error notifyFailed(llvm::orc::MaterializationResponsibility &) override {
    return llvm::Error::success();
  }
  llvm::Error notifyRemovingResources(llvm::orc::JITDylib &, llvm::orc::ResourceKey) override {
    return llvm::Error::success();
  }
  void notifyTransferringResources(llvm::orc::JITDylib &, llvm::orc::ResourceKey,
                                   llvm::orc::ResourceKey) override {}

private:
  std::mutex M;
  std::map<llvm::orc::JITDylib *, LinkMap> Maps;
};

} // namespace halo

#endif
