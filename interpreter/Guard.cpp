#include "Guard.h"

#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

using namespace llvm;

namespace halo {

void guardInitializers(Module &M) {
  GlobalVariable *List = M.getGlobalVariable("llvm.global_ctors");
  if (!List || !List->hasInitializer())
    return;
  struct Entry {
    int Priority;
    Constant *Run, *Data;
  };
  SmallVector<Entry, 2> Entries;
  if (auto *Rows = dyn_cast<ConstantArray>(List->getInitializer()))
    for (Value *Row : Rows->operands()) {
      auto *Fields = cast<ConstantStruct>(Row);
      Entries.push_back({static_cast<int>(cast<ConstantInt>(Fields->getOperand(0))->getZExtValue()),
                         Fields->getOperand(1), Fields->getOperand(2)});
    }
  List->eraseFromParent();

  Type *Pointer = PointerType::getUnqual(M.getContext()), *Void = Type::getVoidTy(M.getContext());
  FunctionCallee Guard = M.getOrInsertFunction("__halo_guard", FunctionType::get(Void, {Pointer}, false));
  for (const Entry &E : Entries) {
    auto *Guarded =
        Function::Create(FunctionType::get(Void, false), GlobalValue::InternalLinkage, "halo.guarded", M);
    Guarded->setUWTableKind(UWTableKind::Async);
    IRBuilder<> Builder(BasicBlock::Create(M.getContext(), "", Guarded));
    Builder.CreateCall(Guard, {E.Run});
    Builder.CreateRetVoid();
    appendToGlobalCtors(M, Guarded, E.Priority, E.Data);
  }
}

} // namespace halo
