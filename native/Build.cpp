#include "Build.h"

#include "Aliases.h"
#include "Diagnostics.h"
#include "Facts.h"
#include "Gate.h"
#include "Overrides.h"
#include "Target.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Operator.h"
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

// An attribute that LLVM has no word of its own for is kept as text: whoever reads it finds it.
Error addAttributes(Module &M, const Recipe &R) {
  for (const auto &[Name, Value] : R.Attributes) {
    Attribute::AttrKind Kind = Attribute::getAttrKindFromName(Name);
    if (Kind != Attribute::None && (!Attribute::isEnumAttrKind(Kind) || !Attribute::canUseAsFnAttr(Kind) ||
                                    (Value != "on" && Value != "off")))
      return createStringError("attribute \"" + Name + "\" of a function can not be \"" + Value + "\"");
    for (Function &F : M)
      if (F.isDeclaration())
        continue;
      else if (Kind == Attribute::None)
        F.addFnAttr(Name, Value);
      else if (Value == "on")
        F.addFnAttr(Kind);
      else
        F.removeFnAttr(Kind);
  }
  return Error::success();
}

// Functions that indirect calls may become direct ones of.
StringSet<> likelyTargets(ArrayRef<FunctionProfile> Profile) {
  StringSet<> Names;
  for (const FunctionProfile &P : Profile)
    for (const auto &Site : P.Targets)
      for (const auto &[Name, Calls] : Site)
        Names.insert(Name);
  return Names;
}

// What a user who does not need every bit allows.
void loosen(Module &M, FloatingPoint Rounding) {
  if (Rounding == FloatingPoint::Strict)
    return;
  for (Function &F : M)
    for (Instruction &I : instructions(F))
      if (!isa<FPMathOperator>(I) || F.hasFnAttribute(Attribute::StrictFP))
        continue;
      else if (Rounding == FloatingPoint::Fast)
        I.setFast(true);
      else
        I.setHasAllowContract(true);
}

} // namespace

Expected<Object> build(const Image &I, const std::vector<std::string> &Roots, const Recipe &R,
                       const TlsOffsets &Offsets, bool WithGates, const Counting &How, const Seen &Samples) {
  if (Roots.empty())
    return createStringError("a region needs a root");
  if (std::set<std::string>(Roots.begin(), Roots.end()).size() != Roots.size())
    return createStringError("the same root twice");

  Overrides Settings(R);
  LLVMContext Context;
  Diagnostics &Log = Diagnostics::install(Context);
  auto M = getLazyBitcodeModule(I.bitcode(), Context, /*ShouldLazyLoadMetadata=*/true);
  if (!M)
    return M.takeError();
  (*M)->setModuleIdentifier("halo");
  (*M)->setSourceFileName("halo");
  // Simplification is the same for all recipes of a processor.
  auto Usual = createTarget((*M)->getTargetTriple(), R, R.Features);
  if (!Usual)
    return Usual.takeError();
  std::string Features = R.Features;
  if (!R.MoreFeatures.empty())
    Features += (Features.empty() ? "" : ",") + R.MoreFeatures;
  auto Target = createTarget((*M)->getTargetTriple(), R, Features);
  if (!Target)
    return Target.takeError();

  Wanted Members{R.RegionLimit, likelyTargets(How.Profile), {}};
  Members.Hot.insert_range(Samples.Hot);
  auto Cut = extract(I, **M, Roots, Members, Offsets);
  if (!Cut)
    return Cut.takeError();
  (*M)->setPICLevel(PICLevel::BigPIC);
  // Decided on the code as written; the optimizer may turn calls into tail calls later.
  std::vector<std::string> Gated;
  for (const std::string &Root : Roots)
    if (WithGates && !I.forbidsGates() && gateObstacle(*(*M)->getFunction(copyName(Root))).empty())
      Gated.push_back(Root);
  keepApart(I, **M);
  if (Error E = checkModule(**M))
    return std::move(E);

  applyTarget(**M, *(*Usual)->getMCSubtargetInfo(), R.Cpu, R.Features, /*IsFinal=*/false);
  Object Result;
  Result.Counted = simplify(**M, **Usual, How);
  applyTarget(**M, *(*Target)->getMCSubtargetInfo(), R.Cpu, Features, /*IsFinal=*/true);
  if (Error E = addAttributes(**M, R))
    return std::move(E);
  loosen(**M, R.Rounding);

  if (Error E = Settings.set(R))
    return std::move(E);
  if (Error E = optimize(**M, **Target, R))
    return std::move(E);
  for (const std::string &Root : Gated)
    Result.Gates[Root] =
        addGate(*(*M)->getFunction(copyName(Root)), Samples.IsRecursive || I.find(Root)->ReachesItself);
  if (Error E = checkModule(**M))
    return std::move(E);
  if (Error E = emit(**M, **Target, R, Result.Data))
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
