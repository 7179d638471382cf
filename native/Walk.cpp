#include "Walk.h"

#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"

#include <deque>

using namespace llvm;

namespace halo {
namespace {

// Where samples tell which callees are hot, the others only matter if they are small enough that the
// ahead-of-time compiler inlined them, and their samples count for the caller.
constexpr unsigned InlinedShare = 20;
// What is hot may be that many times the limit.
constexpr unsigned HotFactor = 4;
// No callee of more instructions than this share of the region's limit is worth its compile time.
constexpr unsigned CalleeShare = 3;
// Bodies that are only worth having if a call through a pointer turns out to be direct: their share
// of the limit, all together.
constexpr unsigned AddressedShare = 4;

class Walker {
public:
  Walker(const Image &I, Module &M, const Wanted &Members)
      : TheImage(I), M(M), Members(Members), Limit(Members.Limit) {}

  Error run(ArrayRef<std::string> Roots) {
    for (const std::string &Name : Roots) {
      const FunctionFacts *Facts = TheImage.find(Name);
      Function *F = M.getFunction(Name);
      if (!Facts || !F)
        return createStringError("no function \"" + Name + "\" with a body in the image");
      if (!Facts->Obstacle.empty())
        return createStringError("\"" + Name + "\" can not be a root: " + Facts->Obstacle);
      copy(*F, *Facts, Instructions);
    }
    for (Function &F : M)
      if (Members.Likely.contains(F.getName()) && TheImage.isListed(F.getName()))
        Addressed.push_back(&F);
    Instructions = 0; // roots are complete, whatever their size
    // What is hot first, then what is called directly, nearest first; then what calls through pointers
    // might reach.
    do {
      while (!Called.empty())
        if (Error E = visit(*take(Called)))
          return E;
      while (!Others.empty() && Called.empty())
        considerOther(*take(Others));
      while (!Addressed.empty() && Called.empty())
        considerAddressed(*take(Addressed));
    } while (!Called.empty());
    return Error::success();
  }

  Reach Result;

private:
  static Function *take(std::deque<Function *> &Queue) {
    Function *F = Queue.front();
    Queue.pop_front();
    return F;
  }

  void copy(Function &F, const FunctionFacts &Facts, unsigned &Sum) {
    if (!Result.Copied.insert(&F))
      return;
    Sum += Facts.Instructions;
    Called.push_back(&F);
  }

  // A library's function whose name another image has taken: that one is called. Of inline functions
  // any copy is as good.
  bool isInterposed(const Function &F) const {
    return F.hasExternalLinkage() && TheImage.isElsewhere(F.getName());
  }

  void considerCallee(Function &F, bool IsCold) {
    const FunctionFacts *Facts = TheImage.find(F.getName());
    if (!Facts || !Facts->CopyObstacle.empty() || isInterposed(F))
      return;
    bool HasSymbol = TheImage.isListed(F.getName()) || (Facts->IsListed && !TheImage.isAbsent(F.getName()));
    if (!HasSymbol)
      copy(F, *Facts, Instructions);
    else if (Members.Hot.contains(F.getName()) && HotInstructions + Facts->Instructions <= HotFactor * Limit)
      copy(F, *Facts, HotInstructions);
    else if (!IsCold && !F.doesNotReturn() && !F.hasFnAttribute(Attribute::Cold))
      Others.push_back(&F);
  }

  void considerOther(Function &F) {
    const FunctionFacts *Facts = TheImage.find(F.getName());
    unsigned Most = Limit / (Members.Hot.empty() ? CalleeShare : InlinedShare);
    if (Facts->Instructions <= Most && Instructions + Facts->Instructions <= Limit)
      copy(F, *Facts, Instructions);
  }

  void considerAddressed(Function &F) {
    const FunctionFacts *Facts = TheImage.find(F.getName());
    if (!Facts || !Facts->CopyObstacle.empty() || isInterposed(F))
      return;
    if (isOnlyOurs(TheImage, F))
      return copy(F, *Facts, Instructions);
    if (F.doesNotReturn() || AddressedInstructions + Facts->Instructions > Limit / AddressedShare ||
        Instructions > Limit)
      return;
    AddressedInstructions += Facts->Instructions;
    copy(F, *Facts, Instructions);
  }

  Error visit(Function &F) {
    if (Error E = F.materialize())
      return E;
    for (Value *Operand : F.operand_values())
      if (auto *C = dyn_cast<Constant>(Operand))
        visit(C);
    for (Instruction &I : instructions(F)) {
      auto *Call = dyn_cast<CallBase>(&I);
      Function *Callee = Call ? Call->getCalledFunction() : nullptr;
      if (Callee) // error paths end in calls that do not return
        considerCallee(*Callee, isa<UnreachableInst>(I.getParent()->getTerminator()));
      for (Use &U : I.operands())
        if (auto *C = dyn_cast<Constant>(U.get()); C && !(Callee && Call->isCallee(&U)))
          visit(C);
    }
    return Error::success();
  }

  void visit(Constant *First) {
    SmallVector<Constant *, 8> Work{First};
    while (!Work.empty()) {
      Constant *C = Work.pop_back_val();
      if (isa<ConstantData>(C) || isa<BlockAddress>(C) || !Seen.insert(C).second)
        continue;
      if (auto *F = dyn_cast<Function>(C)) {
        Addressed.push_back(F);
        continue;
      }
      if (auto *V = dyn_cast<GlobalVariable>(C)) {
        Result.Variables.insert(V);
        if (hasKnownContents(*V))
          Work.push_back(V->getInitializer());
        continue;
      }
      if (isa<GlobalValue>(C)) // aliases and ifuncs: the program's
        continue;
      for (Value *Operand : C->operand_values())
        Work.push_back(cast<Constant>(Operand));
    }
  }

  const Image &TheImage;
  Module &M;
  const Wanted &Members;
  unsigned Limit;
  std::deque<Function *> Called, Others, Addressed;
  SmallPtrSet<Constant *, 32> Seen;
  unsigned Instructions = 0, HotInstructions = 0, AddressedInstructions = 0;
};

} // namespace

bool hasKnownContents(const GlobalVariable &V) {
  return V.isConstant() && V.hasDefinitiveInitializer() && !V.isThreadLocal() && !V.hasSection();
}

bool isOnlyOurs(const Image &I, const GlobalObject &O) {
  if (O.isDeclarationForLinker() || !I.isAbsent(O.getName()))
    return false;
  return O.hasLocalLinkage() || O.hasLinkOnceLinkage() || O.hasGlobalUnnamedAddr();
}

Expected<Reach> walk(const Image &I, Module &M, ArrayRef<std::string> Roots, const Wanted &Members) {
  Walker W(I, M, Members);
  if (Error E = W.run(Roots))
    return std::move(E);
  return std::move(W.Result);
}

} // namespace halo
