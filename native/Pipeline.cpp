#include "Pipeline.h"

#include "Rounding.h"

#include "llvm/Analysis/InlineCost.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/CodeGen/Passes.h"
#include "llvm/CodeGen/RegAllocRegistry.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/PassManager.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Plugins/PassPlugin.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/IPO/AlwaysInliner.h"
#include "llvm/Transforms/IPO/DeadArgumentElimination.h"
#include "llvm/Transforms/IPO/ElimAvailExtern.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"
#include "llvm/Transforms/IPO/Inliner.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/LowerExpectIntrinsic.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"

#include <mutex>

using namespace llvm;

// Polly is part of this libLLVM; its own header wants isl's, which is not installed.
PassPluginLibraryInfo getPollyPluginInfo();

namespace halo {
namespace {

constexpr int PreinlineThreshold = 40;

struct SplitFusedPass : PassInfoMixin<SplitFusedPass> {
  PreservedAnalyses run(Module &M, ModuleAnalysisManager &) {
    splitTheRest(M);
    return PreservedAnalyses::none();
  }
  static bool isRequired() { return true; }
};

OptimizationLevel levelOf(int Level) {
  switch (Level) {
  case 0:
    return OptimizationLevel::O0;
  case 1:
    return OptimizationLevel::O1;
  case 2:
    return OptimizationLevel::O2;
  default:
    return OptimizationLevel::O3;
  }
}

const Target *lookUpTarget(const Triple &T, std::string &Why) {
  static std::once_flag Once;
  std::call_once(Once, [] {
    InitializeNativeTarget();
    InitializeNativeTargetAsmPrinter();
    InitializeNativeTargetAsmParser();
  });
  return TargetRegistry::lookupTarget(T, Why);
}

// LLVM prints about names it does not know and goes on; a recipe with one is a mistake.
Error checkNames(const MCSubtargetInfo &Known, const Recipe &R, StringRef Features) {
  if (!Known.isCPUStringValid(R.Cpu))
    return createStringError("unknown cpu \"" + R.Cpu + "\"");
  for (StringRef Rest = Features; !Rest.empty();) {
    auto [Head, Tail] = Rest.split(',');
    Rest = Tail;
    StringRef Name = Head;
    if (!Name.consume_front("+") && !Name.consume_front("-"))
      return createStringError("feature \"" + Head + "\" has no sign");
    if (none_of(Known.getAllProcessorFeatures(), [&](const SubtargetFeatureKV &F) { return Name == F.Key; }))
      return createStringError("unknown feature \"" + Name + "\"");
  }
  return Error::success();
}

// The analyses that a pipeline asks for; destroyed in the reverse order of their needs.
struct Analyses {
  LoopAnalysisManager Loops;
  FunctionAnalysisManager Functions;
  CGSCCAnalysisManager Components;
  ModuleAnalysisManager Modules;

  explicit Analyses(PassBuilder &Builder) {
    Builder.registerModuleAnalyses(Modules);
    Builder.registerCGSCCAnalyses(Components);
    Builder.registerFunctionAnalyses(Functions);
    Builder.registerLoopAnalyses(Loops);
    Builder.crossRegisterProxies(Loops, Functions, Components, Modules);
  }
};

PipelineTuningOptions tuningOf(const Recipe &R) {
  PipelineTuningOptions Tuning; // as LLVM's command line says
  Tuning.LoopVectorization = R.Vectorize && R.Level > 1;
  Tuning.SLPVectorization = R.Slp && R.Level > 1;
  Tuning.LoopUnrolling = R.Unroll;
  Tuning.LoopInterleaving = R.Interleave && R.Level > 1;
  Tuning.LoopFusion = R.Fusion;
  Tuning.CallGraphProfile = false;
  if (R.InlineThreshold)
    Tuning.InlinerThreshold = *R.InlineThreshold;
  return Tuning;
}

// Passes that the default pipeline does not have, where it lets others join. They are parsed twice:
// here, to know that they can be, and when the pipeline is built.
Error addPlaces(PassBuilder &Builder, const Recipe &R) {
  for (const auto &[Place, Text] : R.Places) {
    auto Refused = [&](Error E) {
      return createStringError("option \"passes." + Place + "\": " + toString(std::move(E)));
    };
    std::string Passes = Text;
    if (Place == "optimizer-last") {
      ModulePassManager Try;
      if (Error E = Builder.parsePassPipeline(Try, Passes))
        return Refused(std::move(E));
      Builder.registerOptimizerLastEPCallback(
          [&Builder, Passes](ModulePassManager &To, OptimizationLevel, ThinOrFullLTOPhase) {
            cantFail(Builder.parsePassPipeline(To, Passes));
          });
      continue;
    }
    FunctionPassManager Try;
    if (Error E = Builder.parsePassPipeline(Try, Passes))
      return Refused(std::move(E));
    auto Add = [&Builder, Passes](FunctionPassManager &To, OptimizationLevel) {
      cantFail(Builder.parsePassPipeline(To, Passes));
    };
    if (Place == "scalar-late")
      Builder.registerScalarOptimizerLateEPCallback(Add);
    else
      Builder.registerVectorizerStartEPCallback(Add);
  }
  return Error::success();
}

} // namespace

Expected<std::unique_ptr<TargetMachine>> createTarget(const Triple &T, const Recipe &R, StringRef Features) {
  std::string Why;
  const Target *Found = lookUpTarget(T, Why);
  if (!Found)
    return createStringError(Why);
  std::unique_ptr<MCSubtargetInfo> Known(Found->createMCSubtargetInfo(T, "", ""));
  if (Error E = checkNames(*Known, R, Features))
    return std::move(E);
  TargetOptions Options;
  Options.AllowFPOpFusion = R.Rounding == FloatingPoint::Strict ? FPOpFusion::Strict : FPOpFusion::Standard;
  Options.LoopAlignment = R.LoopAlignment;
  Options.EnableGlobalISel = false;
  Options.UseInitArray = true;
  auto Level = CodeGenOpt::getLevel(R.Level);
  std::unique_ptr<TargetMachine> Machine(Found->createTargetMachine(T, R.Cpu, Features, Options, Reloc::PIC_,
                                                                    CodeModel::Small, *Level, /*JIT=*/false));
  if (!Machine)
    return createStringError("LLVM has no code generator for " + T.str());
  return std::move(Machine);
}

// Ahead-of-time callers may pass poison for arguments that are dead once the function is simplified,
// so it is simplified first whatever the recipe says.
std::vector<Counters> simplify(Module &M, TargetMachine &Target, const Counting &How) {
  PassBuilder Builder(&Target);
  Analyses A(Builder);
  // As LLVM's own pipeline begins: branches are simplified while variables are still in memory. Later
  // they are threaded through phis, and what could have been a select stays a branch (Perlin noise
  // then took twice as long, 2026-11-21).
  FunctionPassManager Early;
  Early.addPass(LowerExpectIntrinsicPass());
  Early.addPass(SimplifyCFGPass());
  Early.addPass(SROAPass(SROAOptions::ModifyCFG));
  Early.addPass(EarlyCSEPass());
  ModulePassManager Passes;
  Passes.addPass(AlwaysInlinerPass());
  Passes.addPass(createModuleToFunctionPassAdaptor(std::move(Early)));
  Passes.addPass(createModuleToFunctionPassAdaptor(
      Builder.buildFunctionSimplificationPipeline(OptimizationLevel::O1, ThinOrFullLTOPhase::None)));
  Passes.addPass(DeadArgumentEliminationPass());
  if (How.IsWanted || !How.Profile.empty()) {
    // Counters in what is inlined anyhow would cost most and tell least.
    InlineParams Tiny = getInlineParams(PreinlineThreshold);
    Tiny.HintThreshold = PreinlineThreshold;
    ModuleInlinerWrapperPass Inliner(Tiny);
    Inliner.getPM().addPass(createCGSCCToFunctionPassAdaptor(
        Builder.buildFunctionSimplificationPipeline(OptimizationLevel::O1, ThinOrFullLTOPhase::None)));
    Passes.addPass(std::move(Inliner));
  }
  Passes.run(M, A.Modules);
  if (How.IsWanted || !How.Profile.empty()) {
    // Written only now: a function's name among LLVM's profiles depends on what it has become.
    ModulePassManager Counting;
    addCounting(Counting, M, How);
    Counting.run(M, A.Modules);
  }
  return How.IsWanted ? lowerCounters(M) : std::vector<Counters>();
}

Error optimize(Module &M, TargetMachine &Target, const Recipe &R) {
  PassInstrumentationCallbacks Names; // Polly tells it what its passes are called
  PassBuilder Builder(&Target, tuningOf(R), std::nullopt, &Names);
  bool IsStrict = R.Rounding == FloatingPoint::Strict;
  if (IsStrict)
    Builder.registerOptimizerEarlyEPCallback([](ModulePassManager &Passes, OptimizationLevel,
                                                ThinOrFullLTOPhase) { Passes.addPass(SplitFusedPass()); });
  if (R.Polly)
    getPollyPluginInfo().RegisterPassBuilderCallbacks(Builder);
  if (Error E = addPlaces(Builder, R))
    return E;
  Analyses A(Builder);

  ModulePassManager Passes;
  if (!R.Passes.empty()) {
    if (Error E = Builder.parsePassPipeline(Passes, R.Passes))
      return createStringError("option \"passes\": " + toString(std::move(E)));
  } else if (R.Level == 0) {
    Passes.addPass(Builder.buildO0DefaultPipeline(OptimizationLevel::O0));
  } else {
    Passes.addPass(Builder.buildPerModuleDefaultPipeline(levelOf(R.Level)));
  }
  if (IsStrict)
    Passes.addPass(SplitFusedPass());
  Passes.addPass(EliminateAvailableExternallyPass());
  Passes.addPass(GlobalDCEPass());
  Passes.run(M, A.Modules);
  return Error::success();
}

Error emit(Module &M, TargetMachine &Target, const Recipe &R, SmallVectorImpl<char> &Object) {
  raw_svector_ostream Out(Object);
  auto Prepare = [&](legacy::PassManager &Passes) {
    Passes.add(new TargetLibraryInfoWrapperPass(TargetLibraryInfoImpl(M.getTargetTriple())));
    return !Target.addPassesToEmitFile(Passes, Out, nullptr, CodeGenFileType::ObjectFile);
  };
  legacy::PassManager Passes;
  bool IsAble;
  if (R.RegisterAllocator.empty()) {
    IsAble = Prepare(Passes);
  } else {
    // LLVM reads its own option once in a process. What it found is put back.
    legacy::PassManager Unused;
    IsAble = Prepare(Unused);
    auto Usual = RegisterRegAlloc::getDefault();
    RegisterRegAlloc::setDefault(R.RegisterAllocator == "basic"
                                     ? +[] { return createBasicRegisterAllocator(); }
                                     : +[] { return createGreedyRegisterAllocator(); });
    IsAble = IsAble && Prepare(Passes);
    RegisterRegAlloc::setDefault(Usual);
  }
  if (!IsAble)
    return createStringError("LLVM can not emit objects for " + M.getTargetTriple().str());
  Passes.run(M);
  return Error::success();
}

std::string hostCpu() { return sys::getHostCPUName().str(); }

std::string hostFeatures() {
  std::map<std::string, bool> Sorted;
  for (const auto &Feature : sys::getHostCPUFeatures())
    Sorted[Feature.first().str()] = Feature.second;
  std::string Text;
  for (const auto &[Name, IsOn] : Sorted)
    Text += (Text.empty() ? "" : ",") + std::string(IsOn ? "+" : "-") + Name;
  return Text;
}

} // namespace halo
