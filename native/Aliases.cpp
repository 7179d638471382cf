#include "Aliases.h"

#include "llvm/Analysis/AliasAnalysis.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/MDBuilder.h"
#include "llvm/IR/Operator.h"
#include "llvm/Transforms/Utils/PromoteMemToReg.h"

using namespace llvm;

namespace halo {
namespace {

// Accesses carry the whole list of scopes: more variables than that are not told apart.
constexpr size_t VariablesMost = 64;

// Without writes: also without volatile reads, which expect somebody else's.
bool isOnlyAccessed(const Value &Pointer, bool AreWritesAllowed) {
  return all_of(Pointer.uses(), [=](const Use &U) {
    const User *By = U.getUser();
    if (isa<GEPOperator, BitCastOperator>(By))
      return isOnlyAccessed(*By, AreWritesAllowed);
    if (const auto *Load = dyn_cast<LoadInst>(By))
      return AreWritesAllowed || !Load->isVolatile();
    if (const auto *Copy = dyn_cast<MemTransferInst>(By); Copy && Copy->getRawSource() == U.get())
      return AreWritesAllowed || (Copy->getRawDest() != U.get() && !Copy->isVolatile());
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
  return V.hasLocalLinkage() && !V.isConstant() && !V.isThreadLocal() && !V.hasSection() &&
         !V.hasImplicitSection();
}

bool isAlwaysOwn(const AllocaInst &Local) {
  if (!isAllocaPromotable(&Local))
    return false;
  const StoreInst *Only = nullptr;
  for (const User *By : Local.users())
    if (const auto *Store = dyn_cast<StoreInst>(By)) {
      if (Only)
        return false;
      Only = Store;
    }
  const auto *Address = Only ? dyn_cast<Constant>(Only->getValueOperand()) : nullptr;
  const auto *V = Address ? dyn_cast<GlobalVariable>(Address->stripInBoundsConstantOffsets()) : nullptr;
  return V && V->hasLocalLinkage();
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

// The optimizer tells these from a global by itself, and may replace a copy by what it is a copy of,
// the access and its metadata included.
bool isIdentified(const Value *Pointer) {
  SmallVector<const Value *, 4> Objects;
  getUnderlyingObjects(Pointer, Objects);
  return any_of(Objects, [](const Value *O) { return isIdentifiedObject(O); });
}

void add(Instruction &I, unsigned Kind, MDNode *Scopes) {
  I.setMetadata(Kind, MDNode::concatenate(I.getMetadata(Kind), Scopes));
}

} // namespace

std::string assembly(const Module &M) {
  std::string Text = M.getModuleInlineAsm();
  for (const Function &F : M)
    for (const Instruction &I : instructions(F))
      if (const auto *Call = dyn_cast<CallBase>(&I))
        if (const auto *Inline = dyn_cast<InlineAsm>(Call->getCalledOperand()))
          Text += Inline->getAsmString();
  return Text;
}

void forwardPointers(Module &M) {
  for (Function &F : M) {
    std::vector<AllocaInst *> Found;
    for (Instruction &I : instructions(F))
      if (auto *Local = dyn_cast<AllocaInst>(&I); Local && isAlwaysOwn(*Local))
        Found.push_back(Local);
    if (Found.empty())
      continue;
    DominatorTree Tree(F);
    PromoteMemToReg(Found, Tree);
  }
}

bool isSecluded(const GlobalVariable &V) { return isOwn(V) && isOnlyAccessed(V, /*AreWritesAllowed=*/true); }

bool isNeverWritten(const GlobalVariable &V) {
  return isOwn(V) && V.hasDefinitiveInitializer() && isOnlyAccessed(V, /*AreWritesAllowed=*/false);
}

namespace {

// Scopes are a function's own: what moves into another one means nothing there.
void keepApart(Function &F, ArrayRef<const GlobalVariable *> Secluded) {
  SmallPtrSet<const Value *, 8> Named;
  for (const Instruction &At : instructions(F))
    for (const Value *Pointer : pointers(At))
      Named.insert(origin(Pointer));
  MDBuilder Builder(F.getContext());
  MDNode *Domain = nullptr;
  DenseMap<const Value *, MDNode *> Scopes;
  SmallVector<Metadata *, 16> All;
  for (const GlobalVariable *V : Secluded) {
    if (!Named.contains(V) || All.size() == VariablesMost)
      continue;
    if (!Domain)
      Domain = Builder.createAnonymousAliasScopeDomain("halo");
    MDNode *Scope = Builder.createAnonymousAliasScope(Domain, V->getName());
    Scopes[V] = MDNode::get(F.getContext(), Scope);
    All.push_back(Scope);
  }
  if (All.empty())
    return;
  MDNode *Others = MDNode::get(F.getContext(), All);
  for (Instruction &At : instructions(F)) {
    SmallVector<const Value *, 2> Pointers = pointers(At);
    if (Pointers.size() == 1 && Scopes.contains(origin(Pointers[0])))
      add(At, LLVMContext::MD_alias_scope, Scopes[origin(Pointers[0])]);
    else if (!Pointers.empty() && none_of(Pointers, isIdentified))
      add(At, LLVMContext::MD_noalias, Others);
  }
}

} // namespace

void keepApart(const Image &I, Module &M) {
  SmallVector<const GlobalVariable *, 16> Secluded;
  for (const GlobalVariable &V : M.globals())
    if (I.isSecluded(V.getName()))
      Secluded.push_back(&V);
  if (!Secluded.empty())
    for (Function &F : M)
      keepApart(F, Secluded);
}

} // namespace halo
