// HaloPass.cpp: where in the pipeline the plugin works; the rest is in the files it calls.
//
// At the start the module is embedded and its entries are made patchable, at the end the table of
// symbols is written. Both run in the compile step: link-time optimization sees the results. A
// pipeline that begins in the linker (ThinLTO back ends) has no state here and is left alone.
#include "Embed.h"
#include "Entries.h"
#include "Module.h"
#include "Once.h"
#include "Outline.h"
#include "Select.h"
#include "Symbols.h"

#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/PassManager.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Plugins/PassPlugin.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Path.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"
#include "llvm/Transforms/IPO/GlobalOpt.h"

#include <memory>

using namespace llvm;

static cl::opt<bool> MayOutline("halo-outline", cl::init(true), cl::Hidden,
                                cl::desc("Cut loops of functions that are entered once into functions"));

namespace {

class BeginPass : public PassInfoMixin<BeginPass> {
public:
  BeginPass(std::shared_ptr<halo::ModuleState> State, OptimizationLevel Level)
      : State(std::move(State)), Level(Level) {}
  static bool isRequired() { return true; }

  PreservedAnalyses run(Module &M, ModuleAnalysisManager &AM) {
    *State = halo::ModuleState();
    if (halo::isEmbedded(M))
      return PreservedAnalyses::all();
    if (std::string Why = halo::findModuleObstacle(M); !Why.empty()) {
      M.getContext().diagnose(
          DiagnosticInfoGeneric("halo: " + sys::path::filename(M.getSourceFileName()) + " " + Why, DS_Error));
      return PreservedAnalyses::all();
    }
    State->IsActive = true;
    halo::nameGlobals(M);
    // Statics that are never written become constants before anything keeps them visible: done
    // later, this costs such programs half their speed.
    if (Level != OptimizationLevel::O0)
      AM.invalidate(M, GlobalOptPass().run(M, AM));

    auto Once = halo::findEnteredOnce(M);
    SmallVector<Function *, 8> Pieces;
    if (Level != OptimizationLevel::O0 && MayOutline)
      Pieces = halo::outlineLoops(M, AM, Once);
    // Their callers are entered once, and what they call in loops is as much worth an entry.
    Once.insert(Pieces.begin(), Pieces.end());
    auto Patchable = halo::selectPatchable(M, Once);
    halo::declareInvented(M);
    halo::embedModule(M, Level, *State);
    // From here on the module differs from its embedded copy: variants may inline what is kept here.
    for (const Function *F : Patchable)
      State->Globals[F->getName()].IsPatchable = true;
    halo::writeEntries(M, Patchable);
    halo::keepFramePointers(M);
    if (Level != OptimizationLevel::O0) {
      halo::keepCalls(Once, Patchable);
      for (Function *Piece : Pieces)
        Piece->addFnAttr(Attribute::NoInline);
      halo::pinLocals(M, Patchable, *State);
    }
    return PreservedAnalyses::none();
  }

private:
  std::shared_ptr<halo::ModuleState> State;
  OptimizationLevel Level;
};

class EndPass : public PassInfoMixin<EndPass> {
public:
  EndPass(std::shared_ptr<halo::ModuleState> State, bool IsThinLink)
      : State(std::move(State)), IsThinLink(IsThinLink) {}
  static bool isRequired() { return true; }

  PreservedAnalyses run(Module &M, ModuleAnalysisManager &AM) {
    if (!State->IsActive)
      return PreservedAnalyses::all();
    if (!State->Pinned.empty()) {
      halo::unpinLocals(M, *State);
      AM.invalidate(M, GlobalDCEPass().run(M, AM));
    }
    State->IsThinLink = IsThinLink;
    halo::tableSymbols(M, *State);
    State->IsActive = false;
    return PreservedAnalyses::none();
  }

private:
  std::shared_ptr<halo::ModuleState> State;
  bool IsThinLink;
};

void registerCallbacks(PassBuilder &PB) {
  auto State = std::make_shared<halo::ModuleState>();
  PB.registerPipelineStartEPCallback(
      [State](ModulePassManager &MPM, OptimizationLevel Level) { MPM.addPass(BeginPass(State, Level)); });
  PB.registerOptimizerLastEPCallback(
      [State](ModulePassManager &MPM, OptimizationLevel, ThinOrFullLTOPhase Phase) {
        if (Phase == ThinOrFullLTOPhase::None || Phase == ThinOrFullLTOPhase::ThinLTOPreLink ||
            Phase == ThinOrFullLTOPhase::FullLTOPreLink)
          MPM.addPass(EndPass(State, Phase == ThinOrFullLTOPhase::ThinLTOPreLink));
      });
}

} // namespace

extern "C" __attribute__((visibility("default"))) PassPluginLibraryInfo llvmGetPassPluginInfo() {
  return {LLVM_PLUGIN_API_VERSION, "Halo", "0.1", registerCallbacks, nullptr};
}
