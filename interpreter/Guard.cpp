#include "Guard.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"

using namespace llvm;

namespace halo {

static constexpr StringLiteral Prefix = "__halo_initialize_";

bool isInitializer(StringRef Function) { return Function.starts_with(Prefix); }

std::string guardInitializers(Module &M, unsigned Number) {
  GlobalVariable *List = M.getGlobalVariable("llvm.global_ctors");
  if (!List || !List->hasInitializer())
    return {};
  struct Entry {
    uint64_t Priority;
    Constant *Run;
  };
  SmallVector<Entry, 2> Entries;
  if (auto *Rows = dyn_cast<ConstantArray>(List->getInitializer()))
    for (Value *Row : Rows->operands()) {
      auto *Fields = cast<ConstantStruct>(Row);
      Entries.push_back({cast<ConstantInt>(Fields->getOperand(0))->getZExtValue(), Fields->getOperand(1)});
    }
  List->eraseFromParent();
  if (Entries.empty())
    return {};
  stable_sort(Entries, [](const Entry &A, const Entry &B) { return A.Priority < B.Priority; });

  Type *Pointer = PointerType::getUnqual(M.getContext()), *Void = Type::getVoidTy(M.getContext());
  FunctionCallee Guard = M.getOrInsertFunction("__halo_guard", FunctionType::get(Void, {Pointer}, false));
  auto *All = Function::Create(FunctionType::get(Void, false), GlobalValue::ExternalLinkage,
                               Prefix + Twine(Number), M);
  All->setUWTableKind(UWTableKind::Async);
  IRBuilder<> Builder(BasicBlock::Create(M.getContext(), "", All));
  for (const Entry &Each : Entries)
    Builder.CreateCall(Guard, {Each.Run});
  Builder.CreateRetVoid();
  return All->getName().str();
}

} // namespace halo
