#include "Aliases.h"

#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/MDBuilder.h"
#include "llvm/IR/Operator.h"

using namespace llvm;

namespace halo {
namespace {

// Accesses carry the whole list of scopes: more variables than that are not told apart.
constexpr size_t VariablesMost = 256;

bool isOnlyAccessed(const Value &Pointer, bool AreWritesAllowed) {
  return all_of(Pointer.uses(), [=](const Use &U) {
    const User *By = U.getUser();
    if (isa<GEPOperator, BitCastOperator>(By))
      return isOnlyAccessed(*By, AreWritesAllowed);
    if (isa<LoadInst>(By))
      return true;
    if (const auto *Copy = dyn_cast<MemTransferInst>(By); Copy && Copy->getRawSource() == U.get())
      return AreWritesAllowed || Copy->getRawDest() != U.get();
    if (!AreWritesAllowed)
      return false;
    if (isa<StoreInst>(By))
      return U.getOperandNo() == StoreInst::getPointerOperandIndex();
    if (isa<AtomicRMWInst>(By))
      return U.getOperandNo() == AtomicRMWInst::getPointerOperandIndex();
    if (isa<AtomicCmpXchgInst>(By))
      return U.getOperandNo() == AtomicCmpXchgInst::getPointerOperandIndex();
    const auto *Call = dyn_cast<MemIntrinsic>(By);
    return Call && Call->isArgOperand(&U);
  });
}

bool isOwn(const GlobalVariable &V) {
  return V.hasLocalLinkage() && !V.isConstant() && !V.isThreadLocal() && !V.hasSection();
}

// Whose address it is, as far as the instruction says itself.
const Value *origin(const Value *Pointer) {
  while (const auto *O = dyn_cast<Operator>(Pointer))
    if (isa<GEPOperator>(O) || isa<BitCastOperator>(O))
      Pointer = O->getOperand(0);
    else
      break;
  return Pointer;
}

SmallVector<const Value *, 2> pointers(const Instruction &I) {
  if (const Value *Pointer = getLoadStorePointerOperand(&I))
    return {Pointer};
  if (const auto *Transfer = dyn_cast<MemTransferInst>(&I))
    return {Transfer->getRawDest(), Transfer->getRawSource()};
  if (const auto *Set = dyn_cast<MemSetInst>(&I))
    return {Set->getRawDest()};
  return {};
}

void add(Instruction &I, unsigned Kind, MDNode *Scopes) {
  I.setMetadata(Kind, MDNode::concatenate(I.getMetadata(Kind), Scopes));
}

} // namespace

bool isSecluded(const GlobalVariable &V) { return isOwn(V) && isOnlyAccessed(V, /*AreWritesAllowed=*/true); }

bool isNeverWritten(const GlobalVariable &V) {
  return isOwn(V) && V.hasDefinitiveInitializer() && isOnlyAccessed(V, /*AreWritesAllowed=*/false);
}

void keepApart(const Image &I, Module &M) {
  LLVMContext &Context = M.getContext();
  MDBuilder Builder(Context);
  DenseMap<const Value *, MDNode *> Scopes;
  SmallVector<Metadata *, 16> All;
  MDNode *Domain = nullptr;
  for (const GlobalVariable &V : M.globals()) {
    if (!I.isSecluded(V.getName()) || All.size() == VariablesMost)
      continue;
    if (!Domain)
      Domain = Builder.createAnonymousAliasScopeDomain("halo");
    MDNode *Scope = Builder.createAnonymousAliasScope(Domain, V.getName());
    Scopes[&V] = MDNode::get(Context, Scope);
    All.push_back(Scope);
  }
  if (All.empty())
    return;
  MDNode *Others = MDNode::get(Context, All);
  for (Function &F : M)
    for (Instruction &At : instructions(F)) {
      SmallVector<const Value *, 2> Pointers = pointers(At);
      if (Pointers.empty())
        continue;
      bool IsApart = none_of(Pointers, [&](const Value *P) { return Scopes.contains(origin(P)); });
      if (IsApart)
        add(At, LLVMContext::MD_noalias, Others);
      else if (Pointers.size() == 1)
        add(At, LLVMContext::MD_alias_scope, Scopes[origin(Pointers[0])]);
    }
}

} // namespace halo
