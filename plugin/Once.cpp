// Once.cpp: which functions are entered once, and the calls in their loops that stay calls.
//
// In: a module before optimization. An entry that is entered once cannot be replaced in time, so
// what such a function's loops do must be behind entries of its own.
#include "Once.h"

#include "llvm/ADT/DepthFirstIterator.h"
#include "llvm/Analysis/CFG.h"
#include "llvm/IR/CFG.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"

using namespace llvm;

namespace halo {

/// Unoptimized instructions, three or four times those that are left in the end. What is shorter
/// and has no loop costs about as much as the call.
static constexpr unsigned WorthACall = 40, WorthACallWithoutLoops = 150;

bool isInLoop(const CallBase &Call) {
  const BasicBlock *Block = Call.getParent();
  SmallSetVector<const BasicBlock *, 16> Reached(succ_begin(Block), succ_end(Block));
  for (unsigned I = 0; I < Reached.size(); I++)
    Reached.insert(succ_begin(Reached[I]), succ_end(Reached[I]));
  return Reached.contains(Block);
}

bool hasLoops(const Function &F) {
  SmallVector<std::pair<const BasicBlock *, const BasicBlock *>, 4> Edges;
  FindFunctionBackedges(F, Edges);
  return !Edges.empty();
}

static bool canReturn(Function &F) {
  for (BasicBlock *Block : depth_first(&F.getEntryBlock()))
    if (isa<ReturnInst>(Block->getTerminator()) || isa<ResumeInst>(Block->getTerminator()))
      return true;
  return false;
}

/// Starts of threads: what is handed to pthread_create or thrd_create, and the body of a std::thread.
static bool startsThread(const Function &F) {
  if (F.getName().starts_with("_ZNSt6thread11_State_impl") && F.getName().ends_with("6_M_runEv"))
    return true;
  for (const Use &U : F.uses())
    if (const auto *Call = dyn_cast<CallBase>(U.getUser()); Call && Call->isArgOperand(&U))
      if (const Function *Callee = Call->getCalledFunction())
        if (Callee->getName() == "pthread_create" || Callee->getName() == "thrd_create")
          return true;
  return false;
}

/// Its one use, where that is a call.
static CallBase *findOnlyCall(Function &F) {
  if (!F.hasOneUse())
    return nullptr;
  const Use &Only = *F.use_begin();
  auto *Call = dyn_cast<CallBase>(Only.getUser());
  return Call && Call->isCallee(&Only) ? Call : nullptr;
}

SmallSetVector<Function *, 8> findEnteredOnce(Module &M) {
  SmallSetVector<Function *, 8> Once;
  for (Function &F : M)
    if (!F.isDeclarationForLinker() &&
        (F.getName() == "main" || startsThread(F) || (!canReturn(F) && hasLoops(F))))
      Once.insert(&F);
  for (unsigned I = 0; I < Once.size(); I++)
    for (Instruction &Inst : instructions(*Once[I]))
      if (auto *Call = dyn_cast<CallBase>(&Inst))
        if (Function *Callee = Call->getCalledFunction())
          if (!Callee->isDeclarationForLinker() && findOnlyCall(*Callee) == Call && !isInLoop(*Call))
            Once.insert(Callee);
  return Once;
}

static bool isWorthACall(const Function &F) {
  unsigned Count = 0;
  bool HasCalls = false;
  for (const Instruction &I : instructions(F)) {
    Count += !I.isDebugOrPseudoInst() && !I.isLifetimeStartOrEnd();
    HasCalls |= isa<CallBase>(I) && !isa<IntrinsicInst>(I);
  }
  return Count >= WorthACall && (hasLoops(F) || (HasCalls && Count >= WorthACallWithoutLoops));
}

void keepCalls(const SmallSetVector<Function *, 8> &Once, const SmallSetVector<Function *, 32> &Patchable) {
  for (Function *F : Once)
    for (Instruction &I : instructions(*F))
      if (auto *Call = dyn_cast<CallBase>(&I))
        if (Function *Callee = Call->getCalledFunction())
          if (Patchable.contains(Callee) && !Call->hasFnAttr(Attribute::AlwaysInline) &&
              isWorthACall(*Callee) && isInLoop(*Call))
            Call->setIsNoInline();
}

} // namespace halo
