#include "Walk.h"

#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/InstrTypes.h"

#include <deque>

using namespace llvm;

namespace halo {
namespace {

// Instructions before optimization. Beyond these a callee stays the program's own; sizes at which
// inlining ends to pay and compile time starts to hurt (about 2 s at 20,000).
constexpr unsigned RegionLimit = 20000, CalleeLimit = 4000;
// Bodies that are only worth having if a call through a pointer turns out to be direct.
constexpr unsigned AddressedLimit = 4000, AddressedCalleeLimit = 400;
// Smaller ones may have no symbol in the program: the plugin lists no tiny leaves.
constexpr unsigned TinyLimit = 60;

class Walker {
public:
  Walker(const Image &I, Module &M) : TheImage(I), M(M) {}

  Error run(ArrayRef<std::string> Roots) {
    for (const std::string &Name : Roots) {
      const FunctionFacts *Facts = TheImage.find(Name);
      Function *F = M.getFunction(Name);
      if (!Facts || !F)
        return createStringError("no function \"" + Name + "\" with a body in the image");
      if (!Facts->Obstacle.empty())
        return createStringError("\"" + Name + "\" can not be a root: " + Facts->Obstacle);
      copy(*F, *Facts);
    }
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

  void considerCallee(Function &F) {
    const FunctionFacts *Facts = TheImage.find(F.getName());
    if (!Facts || !Facts->CopyObstacle.empty())
      return;
    bool MustCopy = F.hasLocalLinkage() || Facts->Instructions <= TinyLimit;
    if (MustCopy || (Facts->Instructions <= CalleeLimit && Instructions + Facts->Instructions <= RegionLimit))
      copy(F, *Facts);
  }

  void considerAddressed(Function &F) {
    const FunctionFacts *Facts = TheImage.find(F.getName());
    if (!Facts || !Facts->CopyObstacle.empty() || Facts->Instructions > AddressedCalleeLimit ||
        AddressedInstructions + Facts->Instructions > AddressedLimit || Instructions > RegionLimit)
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
      if (Callee)
        considerCallee(*Callee);
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
  std::deque<Function *> Called, Addressed;
  SmallPtrSet<Constant *, 32> Seen;
  unsigned Instructions = 0, AddressedInstructions = 0;
};

} // namespace

bool hasKnownContents(const GlobalVariable &V) {
  return V.isConstant() && V.hasDefinitiveInitializer() && !V.isThreadLocal() && !V.hasSection();
}

Expected<Reach> walk(const Image &I, Module &M, ArrayRef<std::string> Roots) {
  Walker W(I, M);
  if (Error E = W.run(Roots))
    return std::move(E);
  return std::move(W.Result);
}

} // namespace halo
