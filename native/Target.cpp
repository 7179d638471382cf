#include "Target.h"

#include "Facts.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/DerivedTypes.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"

#include <map>

using namespace llvm;

namespace halo {
namespace {

// Kept on every function of ours: what the ahead-of-time code was compiled for.
constexpr StringLiteral WasCpu = "halo-was-cpu", WasFeatures = "halo-was-features";
// Is free, and has a target only until another is chosen.
constexpr StringLiteral IsChosen = "halo-chosen";

using Target = std::pair<std::string, std::string>;

Target targetOf(const Function &F) {
  return {F.getFnAttribute("target-cpu").getValueAsString().str(),
          F.getFnAttribute("target-features").getValueAsString().str()};
}

// The default of a module whose frame does not say: what most functions have.
Target commonTarget(const Module &M) {
  std::map<Target, unsigned> Count;
  for (const Function &F : M)
    if (!F.isDeclaration())
      ++Count[targetOf(F)];
  Target Best;
  unsigned Most = 0;
  for (const auto &[T, N] : Count)
    if (N > Most)
      std::tie(Best, Most) = std::pair(T, N);
  return Best;
}

bool lists(StringRef Features, StringRef Feature) {
  for (StringRef Rest = Features; !Rest.empty();) {
    auto [Head, Tail] = Rest.split(',');
    if (Head.consume_front("+") && Head == Feature)
      return true;
    Rest = Tail;
  }
  return false;
}

unsigned widthOf(Type *Ty) {
  if (auto *V = dyn_cast<FixedVectorType>(Ty))
    return V->getPrimitiveSizeInBits().getFixedValue();
  if (auto *S = dyn_cast<StructType>(Ty)) {
    unsigned Most = 0;
    for (Type *Element : S->elements())
      Most = std::max(Most, widthOf(Element));
    return Most;
  }
  if (auto *A = dyn_cast<ArrayType>(Ty))
    return widthOf(A->getElementType());
  return 0;
}

unsigned widthOf(const FunctionType *Ty) {
  unsigned Most = widthOf(Ty->getReturnType());
  for (Type *Parameter : Ty->params())
    Most = std::max(Most, widthOf(Parameter));
  return Most;
}

unsigned widestPassed(const Function &F) {
  unsigned Most = widthOf(F.getFunctionType()), Legal = 0;
  if (!F.getFnAttribute("min-legal-vector-width").getValueAsString().getAsInteger(0, Legal))
    Most = std::max(Most, Legal);
  for (const Instruction &I : instructions(F))
    if (const auto *Call = dyn_cast<CallBase>(&I))
      if (const Function *Callee = Call->getCalledFunction(); !Callee || !Callee->isIntrinsic())
        Most = std::max(Most, widthOf(Call->getFunctionType()));
  return Most;
}

// A vector is passed in registers of its size where the target has them, else in pieces.
bool changesPassing(unsigned Width, StringRef Before, const MCSubtargetInfo &Now) {
  return (Width > 128 && lists(Before, "avx") != Now.checkFeatures("+avx")) ||
         (Width > 256 && lists(Before, "avx512f") != Now.checkFeatures("+avx512f"));
}

// Can Now run whatever was written for Before?
bool covers(const MCSubtargetInfo &Now, StringRef Before) {
  for (StringRef Rest = Before; !Rest.empty();) {
    auto [Head, Tail] = Rest.split(',');
    if (Head.starts_with("+") && !Now.checkFeatures(Head))
      return false;
    Rest = Tail;
  }
  return true;
}

bool isFree(const Function &F) {
  return !F.isDeclaration() && !F.hasFnAttribute("target-features") && !F.hasFnAttribute("target-cpu");
}

StringRef was(const Function &F, StringRef Key) { return F.getFnAttribute(Key).getValueAsString(); }

void setTarget(Function &F, StringRef Cpu, StringRef Features) {
  F.removeFnAttr("target-cpu");
  F.removeFnAttr("target-features");
  if (!Cpu.empty())
    F.addFnAttr("target-cpu", Cpu);
  if (!Features.empty())
    F.addFnAttr("target-features", Features);
}

} // namespace

void noteTarget(Module &M, const Frame &Source) {
  Target Default = commonTarget(M);
  if (auto At = Source.Options.find("cpu"); At != Source.Options.end())
    Default.first = At->second;
  if (auto At = Source.Options.find("features"); At != Source.Options.end())
    Default.second = At->second;
  auto Level = Source.Options.find("opt-level");
  bool IsUnoptimized = Level != Source.Options.end() && Level->second == "0";

  for (Function &F : M) {
    for (StringRef Key : {"tune-cpu", "patchable-function", "patchable-function-entry",
                          "patchable-function-prefix", "function-instrument", "xray-instruction-threshold"})
      F.removeFnAttr(Key);
    if (F.isDeclaration())
      continue;
    Target Own = targetOf(F);
    bool HasNone = Own.first.empty() && Own.second.empty();
    if (HasNone)
      Own = Default;
    F.addFnAttr(WasCpu, Own.first);
    F.addFnAttr(WasFeatures, Own.second);
    if (Own == Default)
      setTarget(F, "", "");
    if (IsUnoptimized && F.hasFnAttribute(Attribute::OptimizeNone)) {
      F.removeFnAttr(Attribute::OptimizeNone);
      if (!looksAtFrame(F))
        F.removeFnAttr(Attribute::NoInline);
    }
  }
}

bool hadFeature(const Function &F, StringRef Feature) {
  return lists(F.getFnAttribute(WasFeatures).getValueAsString(), Feature);
}

void applyTarget(Module &M, const MCSubtargetInfo &Recipe, StringRef Cpu, StringRef Features, bool IsFinal) {
  for (Function &F : M)
    if (F.hasFnAttribute(IsChosen)) {
      setTarget(F, "", "");
      F.removeFnAttr(IsChosen);
    }
  bool IsX86 = M.getTargetTriple().isX86();
  bool MustKeep = IsX86 && any_of(M, [&](const Function &F) {
                    return isFree(F) && changesPassing(widestPassed(F), was(F, WasFeatures), Recipe);
                  });
  for (Function &F : M) {
    if (isFree(F)) {
      bool Keeps = MustKeep || !covers(Recipe, was(F, WasFeatures));
      std::string OldCpu = was(F, WasCpu).str(), OldFeatures = was(F, WasFeatures).str();
      setTarget(F, Keeps ? OldCpu : Cpu, Keeps ? OldFeatures : Features);
      if (!IsFinal)
        F.addFnAttr(IsChosen);
    }
    if (IsFinal) {
      F.removeFnAttr(WasCpu);
      F.removeFnAttr(WasFeatures);
    }
  }
}

} // namespace halo
