#include "Places.h"

#include "Guard.h"

#include "llvm/DebugInfo/DWARF/DWARFContext.h"
#include "llvm/Object/ELFObjectFile.h"

using namespace llvm;
using namespace llvm::object;
using namespace llvm::orc;

namespace halo {
namespace {

// Calls See for every function that the object defines, until it says so.
void forFunctions(const ObjectFile &Object, function_ref<bool(const ELFSymbolRef &)> See) {
  if (auto *Elf = dyn_cast<ELFObjectFileBase>(&Object))
    for (const ELFSymbolRef Symbol : Elf->symbols())
      if (Symbol.getELFType() == ELF::STT_FUNC && Symbol.getSize() && See(Symbol))
        return;
}

std::unique_ptr<ObjectFile> open(const MemoryBuffer *Buffer) {
  auto Object = Buffer ? ObjectFile::createObjectFile(Buffer->getMemBufferRef())
                       : Expected<std::unique_ptr<ObjectFile>>(nullptr);
  if (Object)
    return std::move(*Object);
  consumeError(Object.takeError());
  return nullptr;
}

} // namespace

void Places::begin(MemoryBufferRef Object) {
  if (auto Passed = Objects.find(Passing); Passed != Objects.end()) {
    for (auto At = Pieces.begin(); At != Pieces.end();)
      At = At->second.Object == Passed->second ? Pieces.erase(At) : std::next(At);
    Objects.erase(Passed);
  }
  std::string Name = Object.getBufferIdentifier().str();
  auto &Kept = Objects[Name] = MemoryBuffer::getMemBufferCopy(Object.getBuffer(), Name);
  Passing = Name;
  if (auto Opened = open(Kept.get()))
    forFunctions(*Opened, [&](const ELFSymbolRef &Symbol) {
      if (Symbol.getBinding() != ELF::STB_LOCAL &&
          !isInitializer(expectedToOptional(Symbol.getName()).value_or("")))
        Passing.clear();
      return Passing.empty();
    });
}

void Places::modifyPassConfig(MaterializationResponsibility &, jitlink::LinkGraph &,
                              jitlink::PassConfiguration &Config) {
  Config.PostFixupPasses.push_back([this](jitlink::LinkGraph &G) { return note(G); });
}

Error Places::note(jitlink::LinkGraph &G) {
  auto Object = Objects.find(G.getName());
  if (Object == Objects.end()) // the platform's own
    return Error::success();
  for (jitlink::Section &Section : G.sections()) {
    if ((Section.getMemProt() & MemProt::Exec) == MemProt::None)
      continue;
    uint64_t Offset = 0; // a section of an object is one block, unless somebody has cut it
    for (jitlink::Block *Block : Section.blocks()) {
      uint64_t Start = Block->getAddress().getValue(), End = Start + Block->getSize();
      Pieces[End] = {Start, Offset, Section.getName().str(), Object->second};
      Offset += Block->getSize();
    }
  }
  return Error::success();
}

std::optional<Places::Place> Places::find(uint64_t Address, bool IsReturn) const {
  Address -= IsReturn;
  auto At = Pieces.upper_bound(Address);
  if (At == Pieces.end() || Address < At->second.Start)
    return std::nullopt;
  const Piece &P = At->second;
  Place Found{"", "", 0};
  auto Object = open(P.Object.get());
  if (!Object)
    return Found;
  uint64_t Offset = P.SectionOffset + Address - P.Start;
  for (const SectionRef &Section : Object->sections()) {
    Expected<StringRef> Name = Section.getName();
    if (!Name) {
      consumeError(Name.takeError());
      continue;
    }
    if (*Name != P.Section)
      continue;
    forFunctions(*Object, [&](const ELFSymbolRef &Symbol) {
      auto In = Symbol.getSection();
      auto Start = Symbol.getAddress();
      auto Called = Symbol.getName();
      bool IsIt =
          In && Start && Called && *In == Section && *Start <= Offset && Offset < *Start + Symbol.getSize();
      if (IsIt)
        Found.Function = Called->str();
      consumeError(In.takeError());
      consumeError(Start.takeError());
      consumeError(Called.takeError());
      return IsIt;
    });
    auto Line = DWARFContext::create(*Object)->getLineInfoForAddress({Offset, Section.getIndex()});
    if (Line && Line->FileName != DILineInfo::BadString) {
      Found.File = Line->FileName;
      Found.Line = Line->Line;
    }
  }
  return Found;
}

} // namespace halo
