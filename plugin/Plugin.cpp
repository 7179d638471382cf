// The pass plugin behind -fhalo: what it does at the start of clang's pipeline, and what at its end.
//
// In: a module as clang emitted it. Out: the same module with patchable entries, its bitcode, and the table
// of its symbols (formats in halo/image.h). In link-time optimization it works in the compile step, before
// the link; what it adds survives the merge. Knows nothing of servers.

#include "Bitcode.h"
#include "Patchable.h"
#include "Symbols.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Plugins/PassPlugin.h"
#include "llvm/Transforms/IPO/GlobalOpt.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

using namespace llvm;

namespace halo {
namespace {

/// Keyed by module: clang may run several pipelines in one process, one after the other.
using Memory = std::shared_ptr<DenseMap<const Module *, Embedded>>;

bool isSanitized(const Module &M) {
  return any_of(M, [](const Function &F) {
    return F.hasFnAttribute(Attribute::SanitizeAddress) || F.hasFnAttribute(Attribute::SanitizeThread) ||
           F.hasFnAttribute(Attribute::SanitizeMemory) || F.hasFnAttribute(Attribute::SanitizeHWAddress);
  });
}

/// Frame pointers make call chains cheap to sample; a leaf's own is not worth its cost.
void keepFramePointers(Module &M) {
  for (Function &F : M)
    if (!F.isDeclaration() && F.getFnAttribute("frame-pointer").getValueAsString() != "all")
      F.addFnAttr("frame-pointer", "non-leaf");
}

struct StartPass : PassInfoMixin<StartPass> {
  StartPass(Memory Remembered, OptimizationLevel Level) : Remembered(std::move(Remembered)), Level(Level) {}
  static bool isRequired() { return true; }

  PreservedAnalyses run(Module &M, ModuleAnalysisManager &) {
    if (isSanitized(M)) {
      M.getContext().emitError(
          "-fhalo cannot be combined with a sanitizer: code that it adds would be replaced; "
          "drop one of them");
      return PreservedAnalyses::all();
    }
    if (none_of(M, [](const Function &F) { return !F.isDeclarationForLinker(); }))
      return PreservedAnalyses::all();
    keepFramePointers(M);
    const std::vector<Function *> Patchable = findPatchable(M);
    (*Remembered)[&M] = embedBitcode(M, Level);
    SmallVector<GlobalValue *> Statics;
    for (Function *F : Patchable) {
      makePatchable(*F);
      if (F->hasLocalLinkage())
        Statics.push_back(F);
    }
    appendToCompilerUsed(M, Statics);
    return PreservedAnalyses::none();
  }

  Memory Remembered;
  OptimizationLevel Level;
};

struct EndPass : PassInfoMixin<EndPass> {
  explicit EndPass(Memory Remembered) : Remembered(std::move(Remembered)) {}
  static bool isRequired() { return true; }

  PreservedAnalyses run(Module &M, ModuleAnalysisManager &) {
    const auto Start = Remembered->find(&M);
    if (Start == Remembered->end())
      return PreservedAnalyses::all();
    writeSymbols(M, Start->second);
    Remembered->erase(Start);
    return PreservedAnalyses::none();
  }

  Memory Remembered;
};

void registerPasses(PassBuilder &Builder) {
  auto Remembered = std::make_shared<DenseMap<const Module *, Embedded>>();
  Builder.registerPipelineStartEPCallback([Remembered](ModulePassManager &Passes, OptimizationLevel Level) {
    if (Level != OptimizationLevel::O0)
      Passes.addPass(GlobalOptPass());
    Passes.addPass(StartPass(Remembered, Level));
  });
  Builder.registerOptimizerLastEPCallback(
      [Remembered](ModulePassManager &Passes, OptimizationLevel, ThinOrFullLTOPhase) {
        Passes.addPass(EndPass(Remembered));
      });
}

} // namespace
} // namespace halo

extern "C" __attribute__((visibility("default"))) PassPluginLibraryInfo llvmGetPassPluginInfo() {
  return {LLVM_PLUGIN_API_VERSION, "Halo", LLVM_VERSION_STRING, halo::registerPasses};
}
