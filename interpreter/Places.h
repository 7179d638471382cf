// Places: which function and line of which input an address in linked code is.
#ifndef HALO_INTERPRETER_PLACES_H
#define HALO_INTERPRETER_PLACES_H

#include "llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h"
#include "llvm/Object/ObjectFile.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace halo {

class Places : public llvm::orc::ObjectLinkingLayer::Plugin {
public:
  struct Place {
    std::string Function; // mangled
    std::string File;     // empty: unknown
    unsigned Line = 0;
  };

  // An object that will be linked, perhaps much later: when the first of its symbols is asked for. Of
  // the one before it nothing is kept if nobody else can call it.
  void begin(llvm::MemoryBufferRef Object);
  // IsReturn: the address behind a call.
  std::optional<Place> find(uint64_t Address, bool IsReturn) const;

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

private:
  struct Piece { // of a section, as it lies in the executor
    uint64_t Start, SectionOffset;
    std::string Section;
    std::shared_ptr<llvm::MemoryBuffer> Object;
  };
  llvm::Error note(llvm::jitlink::LinkGraph &G);

  std::map<uint64_t, Piece> Pieces;                                                // by their ends
  std::map<std::string, std::shared_ptr<llvm::MemoryBuffer>, std::less<>> Objects; // by their names
  std::string Passing; // the object of which nothing is kept
};

} // namespace halo

#endif
