#include "Rounding.h"

#include "Target.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"

using namespace llvm;

namespace halo {
namespace {

// As TargetLowering::isFMAFasterThanFMulAndFAdd of LLVM 22 decides.
bool wasFused(const Function &F, Type *Ty) {
  Ty = Ty->getScalarType();
  const Triple &T = F.getParent()->getTargetTriple();
  if (T.isAArch64())
    return Ty->isFloatTy() || Ty->isDoubleTy() || (Ty->isHalfTy() && hadFeature(F, "fullfp16"));
  if (!T.isX86())
    return false;
  if (Ty->isFloatTy() || Ty->isDoubleTy())
    return hadFeature(F, "fma") || hadFeature(F, "fma4") || hadFeature(F, "avx512f");
  return Ty->isHalfTy() && hadFeature(F, "avx512fp16");
}

template <typename FnT> void forEach(Module &M, Intrinsic::ID Plain, FnT Visit) {
  for (Function &F : M)
    if (F.getIntrinsicID() == Plain)
      for (User *U : make_early_inc_range(F.users()))
        if (auto *Call = dyn_cast<IntrinsicInst>(U); Call && Call->getCalledFunction() == &F)
          Visit(Call);
}

void become(IntrinsicInst *Call, Intrinsic::ID Id) {
  Call->setCalledFunction(Intrinsic::getOrInsertDeclaration(Call->getModule(), Id, {Call->getType()}));
}

} // namespace

void fuseWhereCompiled(Module &M) {
  auto Visit = [&](Intrinsic::ID From, Intrinsic::ID To) {
    forEach(M, From, [&](IntrinsicInst *Call) {
      if (wasFused(*Call->getFunction(), Call->getType()))
        become(Call, To);
    });
  };
  Visit(Intrinsic::fmuladd, Intrinsic::fma);
  Visit(Intrinsic::experimental_constrained_fmuladd, Intrinsic::experimental_constrained_fma);
}

// The constrained form needs no help: code generation with fusion off splits it.
void splitTheRest(Module &M) {
  forEach(M, Intrinsic::fmuladd, [](IntrinsicInst *Call) {
    IRBuilder<> B(Call);
    Value *Product = B.CreateFMul(Call->getArgOperand(0), Call->getArgOperand(1));
    Value *Sum = B.CreateFAdd(Product, Call->getArgOperand(2));
    Call->replaceAllUsesWith(Sum);
    Sum->takeName(Call);
    Call->eraseFromParent();
  });
}

} // namespace halo
