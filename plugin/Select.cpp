// Select.cpp: the rules for patchable functions, each with its reason.
//
// In: a module before optimization (after GlobalOpt). Out: a set of functions. A function that is
// left out loses nothing: the controller compiles its body as part of a caller's region.
#include "Select.h"

#include "Once.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/GlobalIFunc.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Operator.h"
#include "llvm/TargetParser/Triple.h"

using namespace llvm;

namespace halo {

/// Unoptimized instructions: `int add(int a, int b)` has eight.
static constexpr unsigned TinyInstructions = 12;

static bool isSanitized(const Function &F) {
  for (Attribute::AttrKind Kind :
       {Attribute::SanitizeAddress, Attribute::SanitizeHWAddress, Attribute::SanitizeMemory,
        Attribute::SanitizeMemTag, Attribute::SanitizeThread, Attribute::SanitizeRealtime,
        Attribute::SanitizeType, Attribute::SafeStack, Attribute::ShadowCallStack})
    if (F.hasFnAttribute(Kind))
      return true;
  return false;
}

std::string findModuleObstacle(const Module &M) {
  const Triple &T = M.getTargetTriple();
  if (T.getArch() != Triple::x86_64 || !T.isOSBinFormatELF() || T.isX32() || !T.isOSLinux())
    return "is for " + T.str() + "; -fhalo works on x86_64 Linux";
  for (const Function &F : M)
    if (!F.isDeclaration() && isSanitized(F))
      return "is compiled with a sanitizer, which -fhalo cannot be combined with; drop one of them";
  if (M.getModuleFlag("kcfi") || M.getModuleFlag("cfi-icall"))
    return "is compiled with control-flow sanitizers, which -fhalo cannot be combined with";
  return "";
}

/// Instructions that generate code, counted no further than `Limit`.
static unsigned countInstructions(const Function &F, unsigned Limit) {
  unsigned Count = 0;
  for (const Instruction &I : instructions(F)) {
    if (I.isDebugOrPseudoInst() || I.isLifetimeStartOrEnd())
      continue;
    if (++Count >= Limit)
      break;
  }
  return Count;
}

static bool hasCalls(const Function &F) {
  for (const Instruction &I : instructions(F))
    if (isa<CallBase>(I) && !isa<IntrinsicInst>(I))
      return true;
  return false;
}

/// Its entry is somebody else's: another feature puts bytes or calls there.
static bool hasOwnEntry(const Function &F) {
  return F.hasPrefixData() || F.hasPrologueData() || F.hasMetadata("kcfi_type") ||
         F.hasMetadata("func_sanitize") || F.hasFnAttribute("patchable-function") ||
         F.hasFnAttribute("patchable-function-entry") || F.hasFnAttribute("patchable-function-prefix") ||
         F.hasFnAttribute("function-instrument") || F.hasFnAttribute("fentry-call") ||
         F.hasFnAttribute("split-stack");
}

static bool hasOddBody(const Function &F) {
  for (const Instruction &I : instructions(F)) {
    // A variant optimized on its own would make other use of these licences: other results.
    if (const auto *Operation = dyn_cast<FPMathOperator>(&I);
        Operation && Operation->getFastMathFlags().any())
      return true;
    if (const auto *Call = dyn_cast<IntrinsicInst>(&I))
      switch (Call->getIntrinsicID()) {
      case Intrinsic::localescape:
      case Intrinsic::localrecover:
      case Intrinsic::eh_sjlj_setjmp:
      case Intrinsic::eh_sjlj_longjmp:
        return true;
      default:
        break;
      }
  }
  return false;
}

static bool hasOddConvention(const Function &F) {
  switch (F.getCallingConv()) {
  case CallingConv::C:
  case CallingConv::Fast:
  case CallingConv::Cold:
    return false;
  default:
    return true;
  }
}

/// A static with one call becomes part of its caller, as it would without Halo. One that is called
/// in a loop of a function entered once is the exception: that one cannot be replaced, this can.
static bool belongsToItsCaller(const Function &F, const SmallSetVector<Function *, 8> &Once) {
  if (!F.hasLocalLinkage() || !F.hasOneUse())
    return false;
  const Use &Only = *F.use_begin();
  const auto *Call = dyn_cast<CallBase>(Only.getUser());
  if (!Call || !Call->isCallee(&Only))
    return false;
  return !Once.contains(Call->getFunction()) || !isInLoop(*Call);
}

static bool isPatchable(const Function &F, const SmallSetVector<Function *, 8> &Once) {
  // A definition that the linker or loader may replace is not known to be the one that runs.
  if (F.isDeclarationForLinker() || F.isInterposable() || F.getName() == "main")
    return false;
  if (F.hasFnAttribute(Attribute::Naked) || F.hasFnAttribute(Attribute::ReturnsTwice) ||
      F.hasFnAttribute(Attribute::AlwaysInline) || F.isPresplitCoroutine() || F.hasGC() ||
      F.callsFunctionThatReturnsTwice() || F.hasFnAttribute("thunk"))
    return false;
  // Such a section may be copied, or run where nothing is mapped yet.
  if (F.hasSection() && !F.getSection().starts_with(".text"))
    return false;
  if (hasOwnEntry(F) || hasOddConvention(F) || belongsToItsCaller(F, Once))
    return false;
  if (countInstructions(F, TinyInstructions) < TinyInstructions &&
      (F.doesNotReturn() || (!hasCalls(F) && !hasLoops(F))))
    return false;
  return !hasOddBody(F);
}

static void collectRunOnce(const GlobalVariable *List, SmallPtrSetImpl<const Function *> &Functions) {
  if (!List || !List->hasInitializer())
    return;
  if (const auto *Array = dyn_cast<ConstantArray>(List->getInitializer()))
    for (const Use &Item : Array->operands())
      if (const auto *Struct = dyn_cast<ConstantStruct>(Item))
        if (const auto *F = dyn_cast<Function>(Struct->getOperand(1)->stripPointerCasts()))
          Functions.insert(F);
}

SmallSetVector<Function *, 32> selectPatchable(Module &M, const SmallSetVector<Function *, 8> &Once) {
  // Constructors and resolvers run once, resolvers even before relocation.
  SmallPtrSet<const Function *, 8> RunOnce;
  collectRunOnce(M.getGlobalVariable("llvm.global_ctors"), RunOnce);
  collectRunOnce(M.getGlobalVariable("llvm.global_dtors"), RunOnce);
  for (const GlobalIFunc &I : M.ifuncs())
    RunOnce.insert(I.getResolverFunction());

  SmallSetVector<Function *, 32> Chosen;
  for (Function &F : M) {
    if (F.isDeclaration())
      continue;
    F.removeDeadConstantUsers();
    if (isPatchable(F, Once) && !RunOnce.contains(&F))
      Chosen.insert(&F);
  }
  return Chosen;
}

} // namespace halo
