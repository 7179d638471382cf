// Entries.cpp: see image.h for a drawing of the bytes.
//
// IR prefix and prologue data rather than `patchable-function-*` attributes: those would add a
// run-time relocation a function.
#include "Entries.h"

#include "halo/image.h"

#include "llvm/IR/Constants.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

using namespace llvm;

namespace halo {

static bool hasIndirectBranchTracking(const Module &M) {
  const auto *Flag = mdconst::dyn_extract_or_null<ConstantInt>(M.getModuleFlag("cf-protection-branch"));
  return Flag && !Flag->isZero();
}

void writeEntries(Module &M, const SmallSetVector<Function *, 32> &Patchable) {
  static constexpr uint8_t Plain[] = {HALO_ENTRY_OPCODE, HALO_ENTRY_DISPLACEMENT};
  // The code generator puts its own endbr64 after these bytes: it is executed once more, for nothing.
  static constexpr uint8_t Tracked[] = {
      0xF3, 0x0F, 0x1E, 0xFA, HALO_ENTRY_OPCODE, HALO_ENTRY_DISPLACEMENT_CET};
  uint8_t Fill[HALO_PREFIX_BYTES];
  std::fill(std::begin(Fill), std::end(Fill), HALO_PREFIX_FILL);

  LLVMContext &C = M.getContext();
  Constant *Prefix = ConstantDataArray::get(C, ArrayRef<uint8_t>(Fill));
  Constant *Prologue = hasIndirectBranchTracking(M) ? ConstantDataArray::get(C, ArrayRef<uint8_t>(Tracked))
                                                    : ConstantDataArray::get(C, ArrayRef<uint8_t>(Plain));
  for (Function *F : Patchable) {
    F->setPrefixData(Prefix);
    F->setPrologueData(Prologue);
    F->setAlignment(std::max(F->getAlign().valueOrOne(), Align(16)));
  }
}

void pinLocals(Module &M, const SmallSetVector<Function *, 32> &Patchable, ModuleState &State) {
  SmallPtrSet<GlobalValue *, 32> Used;
  SmallVector<GlobalValue *, 32> List;
  collectUsedGlobalVariables(M, List, /*CompilerUsed=*/true);
  collectUsedGlobalVariables(M, List, /*CompilerUsed=*/false);
  Used.insert(List.begin(), List.end());

  SmallVector<GlobalValue *, 32> Pins;
  auto Pin = [&](GlobalValue &GV) {
    if (GV.hasLocalLinkage() && !Used.contains(&GV)) {
      Pins.push_back(&GV);
      State.Pinned[GV.getName()] = true;
    }
  };
  for (Function *F : Patchable)
    Pin(*F);
  // Once its constructor is inlined, a function static may turn out to hold one value only, and vanish
  // or shrink to a bit. Variants are compiled from the code before that.
  for (GlobalVariable &GV : M.globals())
    if (StringRef Name = GV.getName(); Name.consume_front("_Z") && !GV.isConstant() && !GV.isThreadLocal())
      if (M.getNamedGlobal(("_ZGV" + Name).str()))
        Pin(GV);
  appendToCompilerUsed(M, Pins);
}

void unpinLocals(Module &M, const ModuleState &State) {
  if (State.Pinned.empty())
    return;
  removeFromUsedLists(M, [&](Constant *C) {
    const auto *GV = dyn_cast<GlobalValue>(C->stripPointerCasts());
    return GV && State.Pinned.contains(GV->getName());
  });
}

void keepFramePointers(Module &M) {
  for (Function &F : M)
    if (!F.isDeclaration() && !F.hasFnAttribute("frame-pointer") && !F.hasFnAttribute(Attribute::Naked))
      F.addFnAttr("frame-pointer", "non-leaf-no-reserve");
}

} // namespace halo
