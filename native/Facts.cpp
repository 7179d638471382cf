#include "Facts.h"

#include "llvm/Analysis/LoopInfo.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/GlobalAlias.h"
#include "llvm/IR/GlobalIFunc.h"
#include "llvm/IR/GlobalVariable.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Operator.h"

using namespace llvm;

namespace halo {
namespace {

// Flags that let two compilations of the same source round differently. Without numbers that are
// not, infinite or a zero of the other sign (the flags of fmin and fmax) nothing rounds.
bool hasLooseMath(const Instruction &I) {
  if (!isa<FPMathOperator>(I))
    return false;
  FastMathFlags Flags = I.getFastMathFlags();
  if (Flags.allowReassoc() || Flags.allowReciprocal() || Flags.allowContract() || Flags.approxFunc())
    return true;
  if (!Flags.any())
    return false;
  const auto *Call = dyn_cast<IntrinsicInst>(&I);
  if (!Call)
    return true;
  switch (Call->getIntrinsicID()) {
  case Intrinsic::minnum:
  case Intrinsic::maxnum:
  case Intrinsic::minimumnum:
  case Intrinsic::maximumnum:
    return false;
  default:
    return true;
  }
}

bool hasLooseMath(const Function &F) {
  for (StringRef Key : {"unsafe-fp-math", "approx-func-fp-math", "no-nans-fp-math", "no-infs-fp-math",
                        "no-signed-zeros-fp-math"})
    if (F.getFnAttribute(Key).getValueAsString() == "true")
      return true;
  return any_of(instructions(F), [](const Instruction &I) { return hasLooseMath(I); });
}

bool isAtLeast(const MDNode *Loop, StringRef Option, uint64_t Least) {
  const MDNode *Found = findOptionMDForLoopID(const_cast<MDNode *>(Loop), Option);
  if (!Found || Found->getNumOperands() < 2)
    return false;
  const auto *Value = mdconst::dyn_extract<ConstantInt>(Found->getOperand(1));
  return Value && Value->getZExtValue() >= Least;
}

bool isRounded(const Instruction &I) {
  if (const auto *Call = dyn_cast<IntrinsicInst>(&I))
    return Call->getIntrinsicID() == Intrinsic::fmuladd || Call->getIntrinsicID() == Intrinsic::fma;
  return I.getOpcode() == Instruction::FAdd || I.getOpcode() == Instruction::FSub ||
         I.getOpcode() == Instruction::FMul;
}

// A loop that a pragma wants vectorized sums in an order of the optimizer's choice.
bool hasHintedSums(const Function &F) {
  bool IsHinted = any_of(F, [](const BasicBlock &B) {
    const MDNode *Loop = B.getTerminator()->getMetadata(LLVMContext::MD_loop);
    return Loop && (isAtLeast(Loop, "llvm.loop.vectorize.enable", 1) ||
                    isAtLeast(Loop, "llvm.loop.vectorize.width", 2));
  });
  return IsHinted && any_of(instructions(F), isRounded);
}

// May the address of a block be seen outside of the function, where a copy's would differ? Jump
// tables (a local constant that only this function reads) and plain uses in it are fine.
bool staysInside(const User *U, const Function &F, unsigned Depth = 0) {
  if (Depth > 8)
    return false;
  if (const auto *I = dyn_cast<Instruction>(U))
    return I->getFunction() == &F &&
           !isa<StoreInst, CallBase, ReturnInst, AtomicRMWInst, AtomicCmpXchgInst>(I);
  if (const auto *V = dyn_cast<GlobalVariable>(U); V && (!V->isConstant() || !V->hasLocalLinkage()))
    return false;
  if (isa<GlobalAlias, GlobalIFunc, Function>(U))
    return false;
  return all_of(U->users(), [&](const User *Next) { return staysInside(Next, F, Depth + 1); });
}

bool showsBlocks(Function &F) {
  for (BasicBlock &B : F)
    if (BlockAddress *Address = BlockAddress::lookup(&B))
      if (!all_of(Address->users(), [&](const User *U) { return staysInside(U, F); }))
        return true;
  return false;
}

} // namespace

SmallVector<Function *, 8> directCallees(Function &F) {
  SmallVector<Function *, 8> Result;
  for (Instruction &I : instructions(F))
    if (auto *Call = dyn_cast<CallBase>(&I))
      if (Function *Callee = Call->getCalledFunction(); Callee && !Callee->isIntrinsic())
        Result.push_back(Callee);
  return Result;
}

bool looksAtFrame(const Function &F) {
  return any_of(instructions(F), [](const Instruction &I) {
    const auto *Call = dyn_cast<IntrinsicInst>(&I);
    if (!Call)
      return false;
    switch (Call->getIntrinsicID()) {
    case Intrinsic::returnaddress:
    case Intrinsic::addressofreturnaddress:
    case Intrinsic::frameaddress:
    case Intrinsic::sponentry:
    case Intrinsic::localescape:
    case Intrinsic::eh_return_i32:
    case Intrinsic::eh_return_i64:
    case Intrinsic::eh_dwarf_cfa:
      return true;
    default:
      return false;
    }
  });
}

bool isSurelyListed(const Function &F) {
  if (F.hasAvailableExternallyLinkage()) // a library's; listed only if some call was not inlined
    return false;
  constexpr unsigned TinyInstructions = 24; // twice what the plugin calls tiny
  bool HasCalls = any_of(instructions(F),
                         [](const Instruction &I) { return isa<CallBase>(I) && !isa<IntrinsicInst>(I); });
  if (F.getInstructionCount() <= TinyInstructions && (!HasCalls || F.doesNotReturn()))
    return false;
  if (!F.hasLocalLinkage() || F.hasAddressTaken())
    return true;
  return F.hasNUsesOrMore(2) && !F.hasFnAttribute(Attribute::AlwaysInline) && !F.hasSection() &&
         !F.callsFunctionThatReturnsTwice() && F.getCallingConv() == CallingConv::C;
}

std::string copyObstacle(Function &F) {
  if (F.isDeclaration())
    return "no body";
  if (F.isInterposable())
    return "weak: another definition may replace it";
  if (F.hasFnAttribute(Attribute::Naked))
    return "naked";
  if (F.hasFnAttribute(Attribute::ReturnsTwice))
    return "returns twice";
  if (F.isPresplitCoroutine())
    return "a coroutine that is not split yet";
  if (F.hasGC())
    return "garbage-collected frames";
  if (F.hasFnAttribute("split-stack") || F.hasFnAttribute("interrupt") ||
      F.getCallingConv() == CallingConv::X86_INTR)
    return "an interrupt handler or a split stack";
  if (hasLooseMath(F))
    return "fast-math: its results depend on the optimizer";
  if (hasHintedSums(F))
    return "a pragma lets a loop round in any order: its results depend on the optimizer";
  if (showsBlocks(F))
    return "the address of one of its blocks escapes";
  return {};
}

std::string rootObstacle(Function &F) {
  if (F.isVarArg())
    return "varargs";
  if (F.hasAvailableExternallyLinkage())
    return "its definition is elsewhere";
  for (Argument &A : F.args())
    if (A.hasInAllocaAttr() || A.hasPreallocatedAttr())
      return "arguments in the caller's frame";
  return copyObstacle(F);
}

std::string gateObstacle(Function &F) {
  if (F.isVarArg())
    return "varargs";
  if (F.hasFnAttribute(Attribute::ReturnsTwice) || F.hasFnAttribute(Attribute::Naked))
    return "returns twice or is naked";
  if (F.getCallingConv() == CallingConv::Tail || F.getCallingConv() == CallingConv::SwiftTail)
    return "a calling convention of tail calls";
  if (looksAtFrame(F))
    return "uses its return or frame address";
  for (Argument &A : F.args())
    if (A.hasSwiftErrorAttr() || A.hasNestAttr() || A.hasAttribute(Attribute::SwiftAsync))
      return "an argument in a special register";
  for (Instruction &I : instructions(F))
    if (auto *Call = dyn_cast<CallInst>(&I); Call && Call->isMustTailCall())
      return "makes tail calls that must be";
  return {};
}

namespace {

// May some direct call of the function be one that Is says? Surely, if its address is taken.
bool mayCall(const Module &M, StringRef Name, function_ref<bool(const CallBase &)> Is) {
  const Function *F = M.getFunction(Name);
  if (!F)
    return false;
  return any_of(F->uses(), [&](const Use &U) {
    const auto *Call = dyn_cast<CallBase>(U.getUser());
    return !Call || !Call->isCallee(&U) || Is(*Call);
  });
}

const ConstantInt *constantArgument(const CallBase &Call, unsigned Number) {
  return Number < Call.arg_size() ? dyn_cast<ConstantInt>(Call.getArgOperand(Number)) : nullptr;
}

// Strict seccomp and PR_SET_TSC take the time-stamp counter away: reading it ends the program.
bool mayStopClock(const Module &M) {
  return mayCall(M, "prctl", [](const CallBase &Call) {
    constexpr uint64_t SetSeccomp = 22, SetTsc = 26, StrictMode = 1;
    const auto *Option = constantArgument(Call, 0), *Mode = constantArgument(Call, 1);
    if (!Option || Option->getZExtValue() == SetTsc)
      return true;
    return Option->getZExtValue() == SetSeccomp && (!Mode || Mode->getZExtValue() == StrictMode);
  });
}

// Threads with a thread pointer of the program's own making have no records.
bool mayMoveThreadPointer(const Module &M) {
  constexpr uint64_t SetTls = 0x80000, SysClone = 56, SysArchPrctl = 158, SysClone3 = 435;
  auto IsAny = [](const CallBase &) { return true; };
  auto HasOwnTls = [](const CallBase &Call) {
    const auto *Flags = constantArgument(Call, 2);
    bool IsLibrarys = !Call.getCalledFunction() || Call.getCalledFunction()->isDeclaration();
    return IsLibrarys && (!Flags || Flags->getZExtValue() & SetTls);
  };
  auto MovesIt = [](const CallBase &Call) {
    const auto *Number = constantArgument(Call, 0), *Flags = constantArgument(Call, 1);
    if (!Number)
      return false;
    if (Number->getZExtValue() == SysClone)
      return !Flags || (Flags->getZExtValue() & SetTls) != 0;
    return Number->getZExtValue() == SysArchPrctl || Number->getZExtValue() == SysClone3;
  };
  return mayCall(M, "arch_prctl", IsAny) || mayCall(M, "clone", HasOwnTls) || mayCall(M, "syscall", MovesIt);
}

} // namespace

bool forbidsGates(const Module &M) { return mayStopClock(M) || mayMoveThreadPointer(M); }

} // namespace halo
