#include "DebugObject.h"

#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELF.h"

#include <map>
#include <mutex>
#include <string>
#include <vector>

using namespace llvm;
using namespace llvm::orc;
using namespace llvm::orc::shared;

namespace halo {
namespace {

constexpr StringLiteral SectionName = ".halo.debug_object";

class DebugObjectPlugin : public ObjectLinkingLayer::Plugin {
public:
  explicit DebugObjectPlugin(ExecutorAddr Register) : Register(Register) {}

  void notifyMaterializing(MaterializationResponsibility &MR, jitlink::LinkGraph &, jitlink::JITLinkContext &,
                           MemoryBufferRef Object) override {
    std::lock_guard Lock(M);
    Pending[&MR] = Object.getBuffer().str();
  }

  void modifyPassConfig(MaterializationResponsibility &MR, jitlink::LinkGraph &,
                        jitlink::PassConfiguration &Config) override {
    Config.PostPrunePasses.push_back([this, &MR](jitlink::LinkGraph &G) { return addCopy(MR, G); });
    Config.PostAllocationPasses.push_back([this](jitlink::LinkGraph &G) { return fillIn(G); });
  }

  Error notifyFailed(MaterializationResponsibility &MR) override {
    std::lock_guard Lock(M);
    Pending.erase(&MR);
    return Error::success();
  }
  Error notifyRemovingResources(JITDylib &, ResourceKey) override { return Error::success(); }
  void notifyTransferringResources(JITDylib &, ResourceKey, ResourceKey) override {}

private:
  Error addCopy(MaterializationResponsibility &MR, jitlink::LinkGraph &G) {
    std::string Object;
    {
      std::lock_guard Lock(M);
      auto At = Pending.find(&MR);
      if (At == Pending.end())
        return Error::success();
      Object = std::move(At->second);
      Pending.erase(At);
    }
    auto &Section = G.createSection(SectionName, MemProt::Read);
    auto Content = G.allocateBuffer(Object.size());
    std::copy(Object.begin(), Object.end(), Content.begin());
    auto &Block = G.createMutableContentBlock(Section, Content, ExecutorAddr(), 16, 0);
    G.addAnonymousSymbol(Block, 0, Block.getSize(), false, true);
    return Error::success();
  }

  // Addresses are assigned, contents not yet sent.
  Error fillIn(jitlink::LinkGraph &G) {
    auto *Section = G.findSectionByName(SectionName);
    if (!Section || Section->blocks_size() != 1)
      return Error::success();
    jitlink::Block &Copy = **Section->blocks().begin();
    MutableArrayRef<char> Content = Copy.getMutableContent(G);
    auto File = object::ELF64LEFile::create(StringRef(Content.data(), Content.size()));
    if (!File)
      return File.takeError();
    auto Headers = File->sections();
    if (!Headers)
      return Headers.takeError();
    for (const auto &Header : *Headers) {
      auto Name = File->getSectionName(Header);
      if (!Name)
        return Name.takeError();
      auto *Linked = G.findSectionByName(*Name);
      if (!(Header.sh_flags & ELF::SHF_ALLOC) || !Linked || Linked->blocks_size() == 0)
        continue;
      // The headers are within Content, which is ours to change.
      auto &Mutable = const_cast<object::ELF64LE::Shdr &>(Header);
      Mutable.sh_addr = jitlink::SectionRange(*Linked).getStart().getValue();
    }
    ExecutorAddrRange Range(Copy.getAddress(), Copy.getSize());
    auto Action = WrapperFunctionCall::Create<SPSArgList<SPSExecutorAddrRange, bool>>(Register, Range, true);
    if (!Action)
      return Action.takeError();
    G.allocActions().push_back({std::move(*Action), {}});
    return Error::success();
  }

  ExecutorAddr Register;
  std::mutex M;
  std::map<MaterializationResponsibility *, std::string> Pending;
};

} // namespace

std::shared_ptr<ObjectLinkingLayer::Plugin> createDebugObjectPlugin(ExecutorAddr Register) {
  return std::make_shared<DebugObjectPlugin>(Register);
}

} // namespace halo
