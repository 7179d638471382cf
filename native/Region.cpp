#include "Region.h"

#include "ThreadLocals.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/Operator.h"

using namespace llvm;

namespace halo {
namespace {

// Larger tables are shared with the program even where a copy would do.
constexpr uint64_t CloneLimitBytes = 64 << 10;

// Makes V a reference to the program's own. Its address is within reach of the code if the image
// defines it and nothing can preempt it; all others go through the GOT.
void makeProgramOwned(const Image &I, GlobalValue &V) {
  bool IsNear = I.defines(V.getName()) && (V.isDSOLocal() || V.hasLocalLinkage());
  bool IsWeak = V.hasExternalWeakLinkage();
  V.setLinkage(IsWeak ? GlobalValue::ExternalWeakLinkage : GlobalValue::ExternalLinkage);
  if (!IsNear)
    V.setVisibility(GlobalValue::DefaultVisibility);
  V.setDSOLocal(IsNear);
  V.setDLLStorageClass(GlobalValue::DefaultStorageClass);
  if (auto *O = dyn_cast<GlobalObject>(&V)) {
    O->setComdat(nullptr);
    O->setSection("");
    O->clearMetadata();
  }
}

void dropBody(Function &F) {
  F.deleteBody();
  F.setIsMaterializable(false);
}

// Can a body that only calls the copy stand for F? Not if it would have to move arguments.
bool canForward(const Function &F) {
  return !F.isVarArg() && none_of(F.args(), [](const Argument &A) {
    return A.hasByValAttr() || A.hasInAllocaAttr() || A.hasPreallocatedAttr() || A.hasSwiftErrorAttr() ||
           A.hasNestAttr() || A.hasAttribute(Attribute::SwiftAsync);
  });
}

// The program's function of that name. Its body is never emitted; it tells the optimizer what a
// call through its address would do.
Function &declareOriginal(const Image &I, Function &Copy, StringRef Name) {
  Function *F = Function::Create(Copy.getFunctionType(), Copy.getLinkage(), Copy.getAddressSpace(), Name,
                                 Copy.getParent());
  F->copyAttributesFrom(&Copy);
  F->setPersonalityFn(nullptr);
  makeProgramOwned(I, *F);
  if (!canForward(Copy))
    return *F;
  for (auto Kind : {Attribute::NoInline, Attribute::OptimizeNone, Attribute::AlwaysInline, Attribute::Cold})
    F->removeFnAttr(Kind);
  IRBuilder<> B(BasicBlock::Create(F->getContext(), "", F));
  SmallVector<Value *, 8> Arguments(make_pointer_range(F->args()));
  CallInst *Call = B.CreateCall(&Copy, Arguments);
  Call->setCallingConv(Copy.getCallingConv());
  AttributeList Of = Copy.getAttributes();
  SmallVector<AttributeSet, 8> Parameters;
  for (unsigned P = 0; P < F->arg_size(); ++P)
    Parameters.push_back(Of.getParamAttrs(P));
  Call->setAttributes(AttributeList::get(F->getContext(), AttributeSet(), Of.getRetAttrs(), Parameters));
  if (Copy.hasFnAttribute(Attribute::StrictFP))
    Call->addFnAttr(Attribute::StrictFP);
  if (F->getReturnType()->isVoidTy())
    B.CreateRetVoid();
  else
    B.CreateRet(Call);
  F->setLinkage(GlobalValue::AvailableExternallyLinkage);
  return *F;
}

void makeCopy(const Image &I, Function &F, bool IsRoot, bool IsLikely) {
  std::string Name = F.getName().str();
  bool HasOriginal = !isOnlyOurs(I, F);
  F.setName(copyName(Name));
  auto IsOwnUse = [&](Use &U) {
    auto *Call = dyn_cast<CallBase>(U.getUser());
    return (Call && Call->isCallee(&U) && Call->getFunctionType() == F.getFunctionType()) ||
           isa<BlockAddress>(U.getUser());
  };
  // Declared under the linkage that F has now; F's own linkage changes after it.
  if (HasOriginal) {
    Function &Original = declareOriginal(I, F, Name);
    F.replaceUsesWithIf(&Original, [&](Use &U) { return !IsOwnUse(U) && U.getUser() != &Original; });
    if (Original.use_empty() && !IsLikely)
      Original.eraseFromParent();
  }
  F.setComdat(nullptr);
  F.setSection("");
  F.setPartition("");
  F.setLinkage(IsRoot ? GlobalValue::ExternalLinkage : GlobalValue::InternalLinkage);
  F.setVisibility(IsRoot ? GlobalValue::HiddenVisibility : GlobalValue::DefaultVisibility);
  F.setDSOLocal(true);
}

// Blocks whose addresses a constant holds: of functions in the region, or of others too?
enum class Blocks { None, Ours, Foreign };

Blocks blocksIn(Constant *C, const SetVector<Function *> &Copied) {
  SmallVector<Constant *, 8> Work{C};
  SmallPtrSet<Constant *, 16> Seen;
  Blocks Found = Blocks::None;
  while (!Work.empty()) {
    Constant *At = Work.pop_back_val();
    if (isa<ConstantData>(At) || isa<GlobalValue>(At) || !Seen.insert(At).second)
      continue;
    if (auto *Address = dyn_cast<BlockAddress>(At)) {
      if (!Copied.contains(Address->getFunction()))
        return Blocks::Foreign;
      Found = Blocks::Ours;
      continue;
    }
    for (Value *Operand : At->operand_values())
      Work.push_back(cast<Constant>(Operand));
  }
  return Found;
}

// Does the region get a constant of its own? A guess while nothing is known of the table: literals
// and small constants without an address of meaning are, or can be, listed nowhere else.
bool isCopied(const Image &I, const GlobalVariable &V) {
  if (I.isTableKnown())
    return isOnlyOurs(I, V);
  bool HasNoAddress = V.hasLocalLinkage() && V.hasAtLeastLocalUnnamedAddr();
  bool IsLiteral = V.hasPrivateLinkage() && V.hasGlobalUnnamedAddr();
  uint64_t Bytes = V.getDataLayout().getTypeAllocSize(V.getValueType());
  return IsLiteral || (HasNoAddress && Bytes <= CloneLimitBytes);
}

void makeVariable(const Image &I, GlobalVariable &V, const SetVector<Function *> &Copied) {
  V.setComdat(nullptr);
  V.setPartition("");
  Blocks Holds = hasKnownContents(V) ? blocksIn(V.getInitializer(), Copied) : Blocks::None;
  if (!hasKnownContents(V) || Holds == Blocks::Foreign) {
    V.setInitializer(nullptr);
    V.setExternallyInitialized(false);
    makeProgramOwned(I, V);
    return;
  }
  if (Holds == Blocks::Ours || isCopied(I, V)) {
    V.setLinkage(GlobalValue::PrivateLinkage);
    V.clearMetadata();
    return;
  }
  makeProgramOwned(I, V);
  V.setLinkage(GlobalValue::AvailableExternallyLinkage);
}

// The program's constant points to the program's literal, not to the region's copy of it.
void hideContents(GlobalVariable &V) {
  if (!V.hasAvailableExternallyLinkage())
    return;
  SmallVector<Constant *, 8> Work{V.getInitializer()};
  SmallPtrSet<Constant *, 16> Seen;
  while (!Work.empty()) {
    Constant *At = Work.pop_back_val();
    if (auto *To = dyn_cast<GlobalVariable>(At); To && To->hasPrivateLinkage()) {
      V.setInitializer(nullptr);
      V.setLinkage(GlobalValue::ExternalLinkage);
      return;
    }
    if (isa<ConstantData>(At) || isa<GlobalValue>(At) || isa<BlockAddress>(At) || !Seen.insert(At).second)
      continue;
    for (Value *Operand : At->operand_values())
      Work.push_back(cast<Constant>(Operand));
  }
}

// Aliases and resolvers are the program's: what they stand for is decided there.
void replaceIndirectSymbols(const Image &I, Module &M) {
  SmallVector<GlobalValue *, 16> Symbols;
  for (GlobalAlias &A : M.aliases())
    Symbols.push_back(&A);
  for (GlobalIFunc &F : M.ifuncs())
    Symbols.push_back(&F);
  for (GlobalValue *V : Symbols) {
    if (!V->use_empty()) {
      GlobalValue *New;
      if (auto *Ty = dyn_cast<FunctionType>(V->getValueType()))
        New = Function::Create(Ty, GlobalValue::ExternalLinkage, V->getAddressSpace(), "", &M);
      else
        New = new GlobalVariable(M, V->getValueType(), false, GlobalValue::ExternalLinkage, nullptr, "",
                                 nullptr, V->getThreadLocalMode(), V->getAddressSpace());
      New->setVisibility(V->getVisibility());
      New->takeName(V);
      New->setDSOLocal(V->isDSOLocal() || V->hasLocalLinkage());
      makeProgramOwned(I, *New);
      V->replaceAllUsesWith(New);
    }
    V->eraseFromParent();
  }
}

} // namespace

Expected<Region> extract(const Image &I, Module &M, ArrayRef<std::string> Roots, const Wanted &Members,
                         const TlsOffsets &Offsets) {
  if (Error E = M.materializeMetadata())
    return std::move(E);
  auto Reached = walk(I, M, Roots, Members);
  if (!Reached)
    return Reached.takeError();
  auto &[Copied, Variables] = *Reached;

  Region Result;
  for (Function *F : Copied)
    Result.Functions.push_back(F->getName().str());
  SmallPtrSet<Function *, 4> IsRoot;
  for (const std::string &Root : Roots)
    IsRoot.insert(M.getFunction(Root));

  // First all that is not ours loses its body, so that nothing else is loaded or looked at.
  std::vector<GlobalObject *> Dead;
  for (Function &F : M)
    if (!Copied.contains(&F) && !F.isIntrinsic()) {
      bool HadBody = !F.isDeclaration();
      bool WasLocal = F.hasLocalLinkage(), WasWeak = F.hasExternalWeakLinkage();
      if (HadBody)
        dropBody(F); // makes it external
      if (WasLocal)
        F.setDSOLocal(true);
      if (WasWeak)
        F.setLinkage(GlobalValue::ExternalWeakLinkage);
      makeProgramOwned(I, F);
      Dead.push_back(&F);
    }
  for (GlobalVariable &V : M.globals())
    if (!Variables.contains(&V)) {
      V.setInitializer(nullptr);
      V.setLinkage(GlobalValue::ExternalLinkage);
      Dead.push_back(&V);
    }
  replaceIndirectSymbols(I, M);

  // From here on every symbol is the region's or a declaration.
  for (Function *F : Copied)
    makeCopy(I, *F, IsRoot.contains(F), Members.Likely.contains(F->getName()));
  for (GlobalVariable *V : Variables)
    makeVariable(I, *V, Copied);
  for (GlobalVariable *V : Variables)
    hideContents(*V);
  for (GlobalVariable *V : Variables)
    if (V->isThreadLocal())
      replaceThreadLocal(I, *V, Offsets, Result.Accessors);
  for (GlobalObject *O : Dead) {
    O->removeDeadConstantUsers();
    if (O->use_empty())
      O->eraseFromParent();
  }
  return std::move(Result);
}

} // namespace halo
