// Prepare.cpp: the passes, and the inlining of small callees into one function.
//
// In C++ everything is a call at the pipeline's start, iterators above all. A variable whose address
// such a call takes could not be passed to a loop's function as a value and would stay in memory.
#include "Prepare.h"

#include "llvm/Analysis/AssumptionCache.h"
#include "llvm/Analysis/InlineCost.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopRotation.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include "llvm/Transforms/Utils/LCSSA.h"
#include "llvm/Transforms/Utils/LoopSimplify.h"

using namespace llvm;

namespace halo {

/// What costs no more than this, in LLVM's units, would be inlined by any later pass too.
static constexpr int SmallCost = 60;
static constexpr unsigned MostInlined = 500, MostInstructions = 10000;

static void inlineSmall(Function &F, FunctionAnalysisManager &FAM) {
  InlineParams Params = getInlineParams(SmallCost);
  Params.HintThreshold = SmallCost;
  auto GetAssumptions = [&](Function &Of) -> AssumptionCache & {
    return FAM.getResult<AssumptionAnalysis>(Of);
  };
  auto GetLibrary = [&](Function &Of) -> const TargetLibraryInfo & {
    return FAM.getResult<TargetLibraryAnalysis>(Of);
  };
  SmallVector<CallBase *, 32> Calls;
  for (Instruction &I : instructions(F))
    if (auto *Call = dyn_cast<CallBase>(&I))
      Calls.push_back(Call);
  // What a callee called stands behind it: nested calls are considered in their turn.
  for (unsigned I = 0; I < Calls.size() && I < MostInlined && F.getInstructionCount() < MostInstructions;
       I++) {
    Function *Callee = Calls[I]->getCalledFunction();
    if (!Callee || Callee->isDeclaration() || Callee == &F || Callee->isInterposable())
      continue;
    auto &TTI = FAM.getResult<TargetIRAnalysis>(*Callee);
    if (!getInlineCost(*Calls[I], Params, TTI, GetAssumptions, GetLibrary))
      continue;
    InlineFunctionInfo Info(GetAssumptions);
    if (InlineFunction(*Calls[I], Info, /*MergeAttributes=*/true).isSuccess())
      Calls.append(Info.InlinedCallSites.begin(), Info.InlinedCallSites.end());
  }
}

void formLoops(Function &F, FunctionAnalysisManager &FAM) {
  FunctionPassManager Passes;
  Passes.addPass(LoopSimplifyPass());
  Passes.addPass(LCSSAPass());
  FAM.invalidate(F, PreservedAnalyses::none());
  FAM.invalidate(F, Passes.run(F, FAM));
}

void prepareFunction(Function &F, FunctionAnalysisManager &FAM) {
  inlineSmall(F, FAM);
  FAM.invalidate(F, PreservedAnalyses::none());
  FunctionPassManager Passes;
  Passes.addPass(SROAPass(SROAOptions::ModifyCFG));
  Passes.addPass(EarlyCSEPass(/*UseMemorySSA=*/false));
  Passes.addPass(SimplifyCFGPass());
  Passes.addPass(createFunctionToLoopPassAdaptor(LoopRotatePass()));
  Passes.addPass(EarlyCSEPass(/*UseMemorySSA=*/false));
  FAM.invalidate(F, Passes.run(F, FAM));
}

} // namespace halo
