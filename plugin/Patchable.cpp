// A function is patchable when replacing it is possible, keeps its results, and can be worth it.
//
// Not possible: naked, returns_twice, coroutines before splitting, entries that already have prefix or
// prologue data. Results: functions with fast-math or contraction flags may round differently when they are
// compiled again. Not worth it: `main`, static functions with a single call site (they are inlined there),
// tiny leaves without loops.

#include "Patchable.h"
#include "halo/image.h"
#include "llvm/ADT/SCCIterator.h"
#include "llvm/IR/CFG.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Operator.h"

using namespace llvm;

namespace halo {
namespace {

constexpr unsigned TinyInstructions = 12;

bool hasRelaxedRounding(const Function &F) {
  return any_of(instructions(F), [](const Instruction &I) {
    const auto *Op = dyn_cast<FPMathOperator>(&I);
    return Op && Op->getFastMathFlags().any();
  });
}

/// A leaf of a few instructions without a loop: the call costs more than a better body could save.
bool isTinyLeaf(const Function &F) {
  unsigned Count = 0;
  for (const Instruction &I : instructions(F)) {
    if (I.isDebugOrPseudoInst())
      continue;
    if (isa<CallBase>(I) && !isa<IntrinsicInst>(I))
      return false;
    if (++Count > TinyInstructions)
      return false;
  }
  for (auto Component = scc_begin(&F); !Component.isAtEnd(); ++Component)
    if (Component.hasCycle())
      return false;
  return true;
}

bool hasSingleCallSite(const Function &F) {
  if (!F.hasLocalLinkage() || !F.hasOneUse())
    return false;
  const auto *Call = dyn_cast<CallBase>(F.user_back());
  return Call && Call->isCallee(&*F.use_begin());
}

bool isPatchable(const Function &F) {
  if (F.isDeclarationForLinker() || F.getName() == "main" || F.isInterposable())
    return false;
  if (F.hasPrefixData() || F.hasPrologueData() || F.hasFnAttribute("patchable-function-entry") ||
      F.hasFnAttribute("patchable-function-prefix") || F.hasFnAttribute("fentry-call"))
    return false;
  if (F.hasFnAttribute(Attribute::Naked) || F.hasFnAttribute(Attribute::ReturnsTwice) ||
      F.hasFnAttribute(Attribute::AlwaysInline) || F.isPresplitCoroutine() ||
      F.callsFunctionThatReturnsTwice())
    return false;
  return !hasSingleCallSite(F) && !isTinyLeaf(F) && !hasRelaxedRounding(F);
}

} // namespace

std::vector<Function *> findPatchable(Module &M) {
  std::vector<Function *> Found;
  for (Function &F : M)
    if (isPatchable(F))
      Found.push_back(&F);
  return Found;
}

void makePatchable(Function &F) {
  LLVMContext &Context = F.getContext();
  std::vector<uint8_t> Prefix(HALO_PREFIX_BYTES, HALO_PREFIX_FILL);
  F.setPrefixData(ConstantDataArray::get(Context, Prefix));
  const auto *Branch =
      mdconst::extract_or_null<ConstantInt>(F.getParent()->getModuleFlag("cf-protection-branch"));
  std::vector<uint8_t> Entry = {HALO_ENTRY_OPCODE, HALO_ENTRY_DISPLACEMENT};
  if (Branch && !Branch->isZero())
    Entry = {0xF3, 0x0F, 0x1E, 0xFA, HALO_ENTRY_OPCODE, HALO_ENTRY_DISPLACEMENT_CET};
  F.setPrologueData(ConstantDataArray::get(Context, Entry));
  F.setAlignment(std::max(F.getAlign().valueOrOne(), Align(HALO_PREFIX_BYTES)));
}

} // namespace halo
