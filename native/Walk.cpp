#include "Walk.h"

#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"

#include <deque>

using namespace llvm;

namespace halo {
namespace {

// No callee of more instructions than this share of the region's limit is worth its compile time.
constexpr unsigned CalleeShare = 3;
// Bodies that are only worth having if a call through a pointer turns out to be direct: their share
// of the limit, all together.
constexpr unsigned AddressedShare = 4;

class Walker {
public:
  Walker(const Image &I, Module &M, unsigned Limit) : TheImage(I), M(M), Limit(Limit) {}

  Error run(ArrayRef<std::string> Roots, const StringSet<> &Likely) {
    for (const std::string &Name : Roots) {
      const FunctionFacts *Facts = TheImage.find(Name);
      Function *F = M.getFunction(Name);
      if (!Facts || !F)
        return createStringError("no function \"" + Name + "\" with a body in the image");
      if (!Facts->Obstacle.empty())
        return createStringError("\"" + Name + "\" can not be a root: " + Facts->Obstacle);
      copy(*F, *Facts);
    }
    for (Function &F : M)
      if (Likely.contains(F.getName()) && TheImage.isListed(F.getName()))
        Addressed.push_back(&F);
    Instructions = 0; // roots are complete, whatever their size
    // Called directly first, nearest first; then what calls through pointers might reach.
    do {
      while (!Called.empty())
        if (Error E = visit(*take(Called)))
          return E;
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

  void copy(Function &F, const FunctionFacts &Facts) {
    if (!Result.Copied.insert(&F))
      return;
    Instructions += Facts.Instructions;
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
    bool IsWorthIt = !IsCold && !F.doesNotReturn() && !F.hasFnAttribute(Attribute::Cold) &&
                     Facts->Instructions <= Limit / CalleeShare &&
                     Instructions + Facts->Instructions <= Limit;
    bool HasSymbol = TheImage.isListed(F.getName()) || (Facts->IsListed && !TheImage.isAbsent(F.getName()));
    if (!HasSymbol || IsWorthIt)
      copy(F, *Facts);
  }

  void considerAddressed(Function &F) {
    const FunctionFacts *Facts = TheImage.find(F.getName());
    if (!Facts || !Facts->CopyObstacle.empty() || isInterposed(F))
      return;
    if (isOnlyOurs(TheImage, F))
      return copy(F, *Facts);
    if (F.doesNotReturn() || AddressedInstructions + Facts->Instructions > Limit / AddressedShare ||
        Instructions > Limit)
      return;
    AddressedInstructions += Facts->Instructions;
    copy(F, *Facts);
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
  unsigned Limit;
  std::deque<Function *> Called, Addressed;
  SmallPtrSet<Constant *, 32> Seen;
  unsigned Instructions = 0, AddressedInstructions = 0;
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

Expected<Reach> walk(const Image &I, Module &M, ArrayRef<std::string> Roots, const StringSet<> &Likely,
                     unsigned Limit) {
  Walker W(I, M, Limit);
  if (Error E = W.run(Roots, Likely))
    return std::move(E);
  return std::move(W.Result);
}

} // namespace halo
