#include "Pipeline.h"

#include "Rounding.h"

#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/PassManager.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/IPO/AlwaysInliner.h"
#include "llvm/Transforms/IPO/DeadArgumentElimination.h"
#include "llvm/Transforms/IPO/ElimAvailExtern.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"

#include <mutex>

using namespace llvm;

namespace halo {
namespace {

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

Expected<bool> readSwitch(StringRef Key, StringRef Value) {
  if (Value == "on" || Value == "1" || Value == "true")
    return true;
  if (Value == "off" || Value == "0" || Value == "false")
    return false;
  return createStringError("option \"" + Key + "\" is \"on\" or \"off\", not \"" + Value + "\"");
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
Error checkNames(const MCSubtargetInfo &Known, const Recipe &R) {
  if (!Known.isCPUStringValid(R.Cpu))
    return createStringError("unknown cpu \"" + R.Cpu + "\"");
  for (StringRef Rest = R.Features; !Rest.empty();) {
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

} // namespace

Expected<Recipe> Recipe::parse(std::string Cpu, std::string Features, int Level,
                               const std::map<std::string, std::string> &Options) {
  Recipe R;
  R.Cpu = std::move(Cpu);
  R.Features = std::move(Features);
  if (Level < 0 || Level > 3)
    return createStringError(formatv("level {0} is not in 0..3", Level));
  R.Level = Level;
  const std::map<StringRef, bool *> Switches = {
      {"vectorize", &R.Vectorize}, {"slp", &R.Slp}, {"unroll", &R.Unroll}, {"interleave", &R.Interleave}};
  for (const auto &[Key, Value] : Options) {
    unsigned Number = 0;
    if (auto At = Switches.find(Key); At != Switches.end()) {
      auto IsOn = readSwitch(Key, Value);
      if (!IsOn)
        return IsOn.takeError();
      *At->second = *IsOn;
    } else if (Key == "inline-threshold") {
      if (StringRef(Value).getAsInteger(10, Number) || Number > 100000)
        return createStringError("option \"inline-threshold\" is 0..100000, not \"" + Value + "\"");
      R.InlineThreshold = Number;
    } else if (Key == "region-limit") {
      if (StringRef(Value).getAsInteger(10, R.RegionLimit))
        return createStringError("option \"region-limit\" is a number of instructions, not \"" + Value +
                                 "\"");
    } else if (Key == "prefer-vector-width") {
      if (StringRef(Value).getAsInteger(10, Number) || Number > 4096)
        return createStringError("option \"prefer-vector-width\" is a number of bits, not \"" + Value + "\"");
      R.PreferVectorWidth = Value;
    } else if (Key == "passes") {
      R.Passes = Value;
    } else {
      return createStringError("unknown option \"" + Key + "\"");
    }
  }
  return std::move(R);
}

Expected<std::unique_ptr<TargetMachine>> createTarget(const Triple &T, const Recipe &R) {
  std::string Why;
  const Target *Found = lookUpTarget(T, Why);
  if (!Found)
    return createStringError(Why);
  std::unique_ptr<MCSubtargetInfo> Known(Found->createMCSubtargetInfo(T, "", ""));
  if (Error E = checkNames(*Known, R))
    return std::move(E);
  TargetOptions Options;
  Options.AllowFPOpFusion = FPOpFusion::Strict;
  Options.EnableGlobalISel = false;
  Options.UseInitArray = true;
  auto Level = CodeGenOpt::getLevel(R.Level);
  std::unique_ptr<TargetMachine> Machine(Found->createTargetMachine(
      T, R.Cpu, R.Features, Options, Reloc::PIC_, CodeModel::Small, *Level, /*JIT=*/false));
  if (!Machine)
    return createStringError("LLVM has no code generator for " + T.str());
  return std::move(Machine);
}

Error optimize(Module &M, TargetMachine &Target, const Recipe &R) {
  PipelineTuningOptions Tuning;
  Tuning.LoopVectorization = R.Vectorize && R.Level > 1;
  Tuning.SLPVectorization = R.Slp && R.Level > 1;
  Tuning.LoopUnrolling = R.Unroll;
  Tuning.LoopInterleaving = R.Interleave && R.Level > 1;
  Tuning.CallGraphProfile = false;
  if (R.InlineThreshold)
    Tuning.InlinerThreshold = *R.InlineThreshold;

  LoopAnalysisManager Loops;
  FunctionAnalysisManager Functions;
  CGSCCAnalysisManager Components;
  ModuleAnalysisManager Modules;
  PassBuilder Builder(&Target, Tuning);
  Builder.registerModuleAnalyses(Modules);
  Builder.registerCGSCCAnalyses(Components);
  Builder.registerFunctionAnalyses(Functions);
  Builder.registerLoopAnalyses(Loops);
  Builder.crossRegisterProxies(Loops, Functions, Components, Modules);
  Builder.registerOptimizerEarlyEPCallback([](ModulePassManager &Passes, OptimizationLevel,
                                              ThinOrFullLTOPhase) { Passes.addPass(SplitFusedPass()); });

  // Ahead-of-time callers may pass poison for arguments that are dead once the function is
  // simplified, so it is simplified first whatever the recipe says.
  ModulePassManager Passes;
  Passes.addPass(AlwaysInlinerPass());
  Passes.addPass(createModuleToFunctionPassAdaptor(
      Builder.buildFunctionSimplificationPipeline(OptimizationLevel::O1, ThinOrFullLTOPhase::None)));
  Passes.addPass(DeadArgumentEliminationPass());
  if (!R.Passes.empty()) {
    if (Error E = Builder.parsePassPipeline(Passes, R.Passes))
      return createStringError("option \"passes\": " + toString(std::move(E)));
  } else if (R.Level == 0) {
    Passes.addPass(Builder.buildO0DefaultPipeline(OptimizationLevel::O0));
  } else {
    Passes.addPass(Builder.buildPerModuleDefaultPipeline(levelOf(R.Level)));
  }
  Passes.addPass(SplitFusedPass());
  Passes.addPass(EliminateAvailableExternallyPass());
  Passes.addPass(GlobalDCEPass());
  Passes.run(M, Modules);
  return Error::success();
}

Error emit(Module &M, TargetMachine &Target, SmallVectorImpl<char> &Object) {
  raw_svector_ostream Out(Object);
  legacy::PassManager Passes;
  Passes.add(new TargetLibraryInfoWrapperPass(TargetLibraryInfoImpl(M.getTargetTriple())));
  if (Target.addPassesToEmitFile(Passes, Out, nullptr, CodeGenFileType::ObjectFile))
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
