#include "Image.h"

#include "Aliases.h"
#include "Diagnostics.h"
#include "Facts.h"
#include "Rounding.h"
#include "Target.h"

#include "halo/image.h"
#include "halo/protocol.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SCCIterator.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Analysis/CallGraph.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/DebugInfo.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"

#include <set>

using namespace llvm;
using support::endian::read32le;
using support::endian::read64le;

namespace halo {
namespace {

std::string shortName(const Frame &F) { return toHex(ArrayRef(F.Digest).take_front(4), true); }

// Module flags that code generation reads and that agree with the ahead-of-time code. All others
// (PIC and PIE levels, LTO, profiles) describe a compilation that is not ours.
bool isKeptFlag(StringRef Key) {
  return Key == "wchar_size" || Key == "uwtable" || Key == "frame-pointer" || Key.starts_with("cf-") ||
         Key.starts_with("stack-protector-guard") || Key == "override-stack-alignment" ||
         Key.starts_with("sign-return-address") || Key == "branch-target-enforcement" ||
         Key == "branch-protection-pauth-lr" || Key == "guarded-control-stack" ||
         Key.starts_with("function_return_thunk") || Key == "indirect_branch_cs_prefix";
}

void keepFlags(Module &M) {
  SmallVector<Module::ModuleFlagEntry, 16> Flags;
  M.getModuleFlagsMetadata(Flags);
  for (NamedMDNode &Node : make_early_inc_range(M.named_metadata()))
    M.eraseNamedMetadata(&Node);
  for (auto &Flag : Flags)
    if (isKeptFlag(Flag.Key->getString()))
      M.addModuleFlag(Flag.Behavior, Flag.Key->getString(), Flag.Val);
}

// What start-up, the static linker and debuggers need of a module, and a region does not.
void dropExtras(Module &M) {
  StripDebugInfo(M);
  keepFlags(M);
  M.setModuleInlineAsm("");
  for (StringRef Special : {"llvm.used", "llvm.compiler.used", "llvm.global_ctors", "llvm.global_dtors"})
    if (GlobalVariable *V = M.getNamedGlobal(Special))
      V->eraseFromParent();
  for (Function &F : M) {
    F.setPrefixData(nullptr);
    F.setPrologueData(nullptr);
  }
  // One copy of an inline function is as good as another, group or not. Without groups the linker
  // chooses name by name; a strong definition in a group is one that other objects may have too.
  for (GlobalObject &O : M.global_objects()) {
    if (!O.hasComdat())
      continue;
    O.setComdat(nullptr);
    if (!O.isDeclaration() && O.hasExternalLinkage())
      O.setLinkage(GlobalValue::WeakODRLinkage);
  }
}

Expected<std::unique_ptr<Module>> readModule(const Frame &F, LLVMContext &Context, Diagnostics &Log) {
  std::string Id = shortName(F);
  auto Where = [&](const Twine &What) {
    return createStringError("module " + Id + " of halo_bitcode: " + What);
  };
  auto M = parseBitcodeFile({toStringRef(ArrayRef<uint8_t>(F.Bitcode)), Id}, Context);
  if (!M)
    return Where(toString(M.takeError()));
  std::string Why;
  raw_string_ostream Out(Why);
  bool HasBrokenDebugInfo = false;
  if (verifyModule(**M, &Out, &HasBrokenDebugInfo))
    return Where("does not verify: " + StringRef(Why).trim());
  if (std::string Reason = Log.take(); !Reason.empty())
    return Where(Reason);
  return M;
}

} // namespace

Expected<std::unique_ptr<Image>> Image::create(ArrayRef<uint8_t> Section) {
  auto Frames = readFrames(Section);
  if (!Frames)
    return Frames.takeError();
  std::unique_ptr<Image> Result(new Image);
  if (Error E = Result->link(std::move(*Frames)))
    return std::move(E);
  return std::move(Result);
}

const FunctionFacts *Image::find(StringRef Name) const {
  auto At = Index.find(Name);
  return At == Index.end() ? nullptr : &Functions[At->second];
}

ArrayRef<Candidate> Image::candidates(StringRef Name) const {
  auto At = Names.find(Name);
  return At == Names.end() ? ArrayRef<Candidate>() : ArrayRef(At->second.Candidates);
}

bool Image::defines(StringRef Name) const {
  auto At = Names.find(Name);
  return At != Names.end() && At->second.IsDefined;
}

Error Image::know(ArrayRef<uint8_t> Symbols) {
  if (Symbols.size() % sizeof(halo_resolved))
    return createStringError(
        formatv("the symbol table has {0} bytes, no multiple of {1}", Symbols.size(), sizeof(halo_resolved)));
  Listed.clear();
  Elsewhere.clear();
  IsTableKnown = true;
  for (; !Symbols.empty(); Symbols = Symbols.drop_front(sizeof(halo_resolved))) {
    uint64_t Module = read64le(Symbols.data() + offsetof(halo_resolved, module));
    uint32_t KindOrdinal = read32le(Symbols.data() + offsetof(halo_resolved, kind_ordinal));
    uint32_t Flags = read32le(Symbols.data() + offsetof(halo_resolved, flags));
    Candidate Key{Module, KindOrdinal & HALO_SYMBOL_ORDINAL_MASK};
    Listed.insert(Key);
    if (Flags & HALO_RESOLVED_ELSEWHERE)
      Elsewhere.insert(Key);
  }
  return Error::success();
}

bool Image::isListed(StringRef Name) const {
  return any_of(candidates(Name), [&](const Candidate &C) { return Listed.contains(C); });
}

bool Image::isElsewhere(StringRef Name) const {
  return any_of(candidates(Name), [&](const Candidate &C) { return Elsewhere.contains(C); });
}

bool Image::isAbsent(StringRef Name) const {
  return IsTableKnown && !candidates(Name).empty() && !isListed(Name);
}

// Gives locals their unique names and notes under which (module, ordinal) each name is known.
// Ordinals count as image.h says, before anything is renamed.
Error Image::number(Module &M, const Frame &F, bool IsAmbiguous, NameMap &Into) {
  std::vector<GlobalValue *> Values;
  auto Collect = [&](auto &&Range) {
    for (auto &V : Range)
      Values.push_back(&V);
  };
  Collect(M.globals());
  Collect(M.functions());
  Collect(M.aliases());
  Collect(M.ifuncs());

  for (auto [Ordinal, V] : enumerate(Values)) {
    if (V->getName().starts_with("llvm."))
      continue;
    bool IsLocal = V->hasLocalLinkage();
    if (IsLocal || !V->hasName()) {
      std::string Unique = (V->hasName() ? V->getName() : "unnamed").str() + "." + shortName(F);
      if (!V->hasName() || Into.contains(Unique) || M.getNamedValue(Unique))
        Unique += "." + utostr(Ordinal);
      V->setName(Unique);
    }
    Name &N = Into[V->getName()];
    if (N.IsLocal)
      return createStringError("\"" + V->getName() + "\" is also the name of a local symbol");
    N.IsLocal = IsLocal;
    Candidate Self{F.Module, static_cast<uint32_t>(Ordinal)};
    if (!IsLocal || !IsAmbiguous)
      N.Candidates.push_back(Self);
    bool IsStrong = !V->isDeclarationForLinker() && V->isStrongDefinitionForLinker();
    if (!V->isDeclarationForLinker() && (!N.IsDefined || (IsStrong && !N.IsStrong))) {
      N.IsDefined = true;
      N.IsStrong = IsStrong;
      N.Home = Self;
    }
  }
  return Error::success();
}

Error Image::link(std::vector<Frame> Frames) {
  std::set<std::array<uint8_t, 16>> Seen, Twice;
  for (const Frame &F : Frames)
    if (!Seen.insert(F.Digest).second)
      Twice.insert(F.Digest);
  Seen.clear();
  llvm::erase_if(Frames, [&](const Frame &F) { return !Seen.insert(F.Digest).second; });

  // A failed link leaves the merged module in an unknown state: start again without the culprit.
  for (;;) {
    LLVMContext Context;
    Diagnostics &Log = Diagnostics::install(Context);
    auto Merged = std::make_unique<Module>("image", Context);
    Linker Into(*Merged);
    NameMap Found;
    Secluded.clear();
    size_t Culprit = Frames.size();
    for (auto [At, F] : enumerate(Frames)) {
      auto M = readModule(F, Context, Log);
      if (!M)
        return M.takeError();
      if (At == 0) {
        Merged->setDataLayout((*M)->getDataLayout());
        Merged->setTargetTriple((*M)->getTargetTriple());
      }
      std::string Source = (*M)->getSourceFileName();
      std::string Reason;
      if ((*M)->getDataLayout() != Merged->getDataLayout())
        Reason = "its data layout differs";
      else if (Error E = number(**M, F, Twice.count(F.Digest), Found))
        Reason = toString(std::move(E));
      else {
        // The order matters: what is marked as used may be used in ways that nobody sees here, and
        // rounding reads the ahead-of-time features.
        forwardPointers(**M);
        noteSecluded(**M);
        dropExtras(**M);
        noteTarget(**M, F);
        fuseWhereCompiled(**M);
        bool HasFailed = Into.linkInModule(std::move(*M));
        Reason = Log.take();
        if (HasFailed && Reason.empty())
          Reason = "can not be linked";
      }
      if (!Reason.empty()) {
        Skipped.push_back(shortName(F) + " (" + Source + "): " + Reason);
        Culprit = At;
        break;
      }
    }
    if (Culprit != Frames.size()) {
      Frames.erase(Frames.begin() + Culprit);
      continue;
    }
    Names = std::move(Found);
    gather(*Merged);
    raw_svector_ostream Out(Bitcode);
    WriteBitcodeToFile(*Merged, Out);
    return Error::success();
  }
}

void Image::noteSecluded(Module &M) {
  std::string Assembly = assembly(M);
  for (GlobalVariable &V : M.globals())
    // Locals have got suffixes.
    if (StringRef(Assembly).contains(V.getName().split('.').first))
      continue;
    else if (isNeverWritten(V))
      V.setConstant(true);
    else if (halo::isSecluded(V))
      Secluded.insert(V.getName());
}

void Image::gather(Module &Merged) {
  ForbidsGates = halo::forbidsGates(Merged);
  CallGraph Calls(Merged);
  DenseMap<const Function *, bool> Cyclic;
  for (auto At = scc_begin(&Calls); !At.isAtEnd(); ++At)
    if (At.hasCycle())
      for (CallGraphNode *Node : *At)
        Cyclic[Node->getFunction()] = true;

  for (Function &F : Merged) {
    if (F.isDeclaration())
      continue;
    const Name &N = Names[F.getName()];
    FunctionFacts Facts;
    Facts.Name = F.getName().str();
    std::tie(Facts.Module, Facts.Ordinal) =
        N.IsDefined || N.Candidates.empty() ? N.Home : N.Candidates.front();
    Facts.Symbols = N.Candidates;
    Facts.ReachesItself = Cyclic.lookup(&F);
    Facts.Obstacle = rootObstacle(F);
    Facts.CopyObstacle = copyObstacle(F);
    if (Facts.Obstacle.empty() && N.Candidates.empty())
      Facts.Obstacle = "local to an object that was linked in twice";
    Facts.Instructions = F.getInstructionCount();
    Facts.IsListed = isSurelyListed(F);
    SmallPtrSet<const Function *, 8> Seen;
    for (const Function *Callee : directCallees(F))
      if (!Callee->isDeclaration() && Seen.insert(Callee).second)
        Facts.Callees.push_back(Callee->getName().str());
    Index[Facts.Name] = Functions.size();
    Functions.push_back(std::move(Facts));
  }
}

} // namespace halo
