// Frames: an object's unwind table lies in one piece.
//
// JITLink takes a table apart, drops what belongs to functions that are defined already, and lays the
// rest out again at the section's alignment: 8, where records are multiples of 4. An unwinder reads
// from record to record and takes a gap for the table's end, or for a record.
#ifndef HALO_INTERPRETER_FRAMES_H
#define HALO_INTERPRETER_FRAMES_H

#include "llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h"

namespace halo {

class Frames : public llvm::orc::ObjectLinkingLayer::Plugin {
public:
  void modifyPassConfig(llvm::orc::MaterializationResponsibility &, llvm::jitlink::LinkGraph &,
                        llvm::jitlink::PassConfiguration &Config) override;
  llvm::Error notifyFailed(llvm::orc::MaterializationResponsibility &) override {
    return llvm::Error::success();
  }
  llvm::Error notifyRemovingResources(llvm::orc::JITDylib &, llvm::orc::ResourceKey) override {
    return llvm::Error::success();
  }
  void notifyTransferringResources(llvm::orc::JITDylib &, llvm::orc::ResourceKey,
                                   llvm::orc::ResourceKey) override {}
};

} // namespace halo

#endif
