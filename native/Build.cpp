#include "Build.h"

#include "Diagnostics.h"
#include "Facts.h"
#include "Gate.h"
#include "Target.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/SHA256.h"

#include <set>

using namespace llvm;

namespace halo {
namespace {

Error checkModule(const Module &M) {
  std::string Why;
  raw_string_ostream Out(Why);
  if (verifyModule(M, &Out))
    return createStringError("the region does not verify: " + StringRef(Why).trim());
  return Error::success();
}

// What the linker of the object must provide, as the code generator left it.
Error listNeeds(const Image &I, const Region &Cut, Object &Result) {
  auto Parsed = object::ObjectFile::createObjectFile(
      MemoryBufferRef(StringRef(Result.Data.data(), Result.Data.size()), "object"));
  if (!Parsed)
    return Parsed.takeError();
  for (const object::SymbolRef &Symbol : (*Parsed)->symbols()) {
    auto Flags = Symbol.getFlags();
    if (!Flags)
      return Flags.takeError();
    auto Name = Symbol.getName();
    if (!Name)
      return Name.takeError();
    if (!(*Flags & object::SymbolRef::SF_Undefined) || Name->empty() || *Name == "_GLOBAL_OFFSET_TABLE_")
      continue;
    if (auto At = Cut.Accessors.find(Name->str()); At != Cut.Accessors.end())
      Result.Needs[At->first] = At->second;
    else if (I.isAbsent(*Name) && !I.defines(*Name))
      Result.Needs[Name->str()] = {}; // another library's, of which final code has no need
    else
      Result.Needs[Name->str()] = I.candidates(*Name).vec();
  }
  return Error::success();
}

void addKnobAttributes(Module &M, const Recipe &R) {
  if (R.PreferVectorWidth.empty())
    return;
  for (Function &F : M)
    if (!F.isDeclaration())
      F.addFnAttr("prefer-vector-width", R.PreferVectorWidth);
}

} // namespace

Expected<Object> build(const Image &I, const std::vector<std::string> &Roots, const Recipe &R,
                       const TlsOffsets &Offsets, bool WithGates) {
  if (Roots.empty())
    return createStringError("a region needs a root");
  if (std::set<std::string>(Roots.begin(), Roots.end()).size() != Roots.size())
    return createStringError("the same root twice");

  LLVMContext Context;
  Diagnostics &Log = Diagnostics::install(Context);
  auto M = getLazyBitcodeModule(I.bitcode(), Context, /*ShouldLazyLoadMetadata=*/true);
  if (!M)
    return M.takeError();
  (*M)->setModuleIdentifier("halo");
  (*M)->setSourceFileName("halo");
  auto Target = createTarget((*M)->getTargetTriple(), R);
  if (!Target)
    return Target.takeError();

  auto Cut = extract(I, **M, Roots, Offsets, R.RegionLimit);
  if (!Cut)
    return Cut.takeError();
  (*M)->setPICLevel(PICLevel::BigPIC);
  // Decided on the code as written; the optimizer may turn calls into tail calls later.
  std::vector<std::string> Gated;
  for (const std::string &Root : Roots)
    if (WithGates && !I.forbidsGates() && gateObstacle(*(*M)->getFunction(copyName(Root))).empty())
      Gated.push_back(Root);
  applyTarget(**M, *(*Target)->getMCSubtargetInfo(), R.Cpu, R.Features);
  addKnobAttributes(**M, R);
  if (Error E = checkModule(**M))
    return std::move(E);

  Object Result;
  if (Error E = optimize(**M, **Target, R))
    return std::move(E);
  for (const std::string &Root : Gated)
    Result.Gates[Root] = addGate(*(*M)->getFunction(copyName(Root)), I.find(Root)->ReachesItself);
  if (Error E = checkModule(**M))
    return std::move(E);
  if (Error E = emit(**M, **Target, Result.Data))
    return std::move(E);
  if (std::string Reason = Log.take(); !Reason.empty())
    return createStringError("code generation: " + Reason);

  for (const std::string &Root : Roots)
    Result.Entries[Root] = copyName(Root);
  Result.Functions = std::move(Cut->Functions);
  if (Error E = listNeeds(I, *Cut, Result))
    return std::move(E);
  ArrayRef Bytes(reinterpret_cast<const uint8_t *>(Result.Data.data()), Result.Data.size());
  Result.Digest = toHex(SHA256::hash(Bytes), /*LowerCase=*/true);
  return std::move(Result);
}

} // namespace halo
