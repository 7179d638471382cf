#include "Listing.h"

#include "Completion.h"
#include "Copy.h"

#include "clang/AST/ASTConsumer.h"
#include "clang/AST/Attr.h"
#include "clang/AST/DeclTemplate.h"
#include "clang/AST/Mangle.h"
#include "clang/Frontend/CompilerInstance.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/IR/DebugInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"

#include <set>

using namespace llvm;
using namespace clang;

namespace halo {
namespace {

void addBody(FunctionDecl *Function, std::vector<Decl *> &Found) {
  FunctionDecl *Defined = Function->getDefinition();
  if (Defined && !Defined->isDependentContext() && !llvm::is_contained(Found, Defined))
    Found.push_back(Defined);
}

std::vector<Decl *> functionsOf(Compiler &C, StringRef Name) {
  std::vector<Decl *> Found;
  for (NamedDecl *Each : named(C.instance().getASTContext(), Name)) {
    Each = Each->getUnderlyingDecl();
    if (auto *Template = dyn_cast<FunctionTemplateDecl>(Each))
      for (FunctionDecl *Made : Template->specializations())
        addBody(Made, Found);
    else if (auto *Function = dyn_cast<FunctionDecl>(Each))
      addBody(Function, Found);
  }
  return Found;
}

std::vector<Decl *> declarationsOf(Compiler &C, unsigned Input) {
  ASTContext &Context = C.instance().getASTContext();
  std::string Name = ("input " + Twine(Input)).str();
  std::vector<Decl *> Found;
  for (TranslationUnitDecl *Unit = Context.getTranslationUnitDecl(); Unit; Unit = Unit->getPreviousDecl())
    for (Decl *Each : Unit->noload_decls())
      if (isa<FunctionDecl, VarDecl, TopLevelStmtDecl>(Each) &&
          C.nameOf(Context.getSourceManager().getBufferName(Each->getLocation())) == Name)
        Found.push_back(Each);
  return Found;
}

void optimize(llvm::Module &M, TargetMachine &Machine, unsigned Level) {
  LoopAnalysisManager Loops;
  FunctionAnalysisManager Functions;
  CGSCCAnalysisManager Components;
  ModuleAnalysisManager Modules;
  PassBuilder Builder(&Machine);
  Builder.registerModuleAnalyses(Modules);
  Builder.registerCGSCCAnalyses(Components);
  Builder.registerFunctionAnalyses(Functions);
  Builder.registerLoopAnalyses(Loops);
  Builder.crossRegisterProxies(Loops, Functions, Components, Modules);
  Builder
      .buildPerModuleDefaultPipeline(Level == 1   ? OptimizationLevel::O1
                                     : Level == 2 ? OptimizationLevel::O2
                                                  : OptimizationLevel::O3)
      .run(M, Modules);
}

} // namespace

json::Object list(Compiler &C, const Triple &Triple, StringRef Of, unsigned Level, bool IsIr) {
  json::Object Listed = objectInCopy([&]() -> json::Object {
    unsigned Input;
    bool IsInput = !Of.getAsInteger(10, Input);
    std::vector<Decl *> Wanted = IsInput ? declarationsOf(C, Input) : functionsOf(C, Of);
    if (Wanted.empty())
      return json::Object{
          {"why", IsInput ? "no input of this number has code" : "no function of this name has a body here"}};
    CompilerInstance &Instance = C.instance();
    ASTContext &Context = Instance.getASTContext();
    CodeGenOptions &Options = Instance.getCodeGenOpts();
    Options.OptimizationLevel = Level;
    Options.setInlining(Level ? CodeGenOptions::NormalInlining : CodeGenOptions::OnlyAlwaysInlining);
    std::set<std::string> Names;
    for (Decl *Each : Wanted) {
      if (auto *Function = dyn_cast<FunctionDecl>(Each)) {
        Function->addAttr(UsedAttr::CreateImplicit(Context));
        Names.insert(ASTNameGenerator(Context).getName(Function));
      }
      Instance.getASTConsumer().HandleTopLevelDecl(DeclGroupRef(Each));
    }
    std::unique_ptr<llvm::Module> M = C.compileAlone(";");
    orc::JITTargetMachineBuilder Builder(Triple);
    Builder.setRelocationModel(Reloc::PIC_).setCodeModel(CodeModel::Small);
    Builder.setCodeGenOptLevel(Level ? CodeGenOptLevel::Default : CodeGenOptLevel::None);
    Builder.getOptions().EmulatedTLS = true;
    auto Machine = Builder.createTargetMachine();
    if (!M || !Machine) {
      consumeError(Machine ? Error::success() : Machine.takeError());
      return json::Object{{"why", json::fixUTF8(C.takeDiagnostics())}};
    }
    StripDebugInfo(*M);
    if (Level)
      optimize(*M, **Machine, Level);
    if (!IsInput) // no lists of what is used, and nothing that only belongs to the pieces around it
      for (GlobalVariable &Each : make_early_inc_range(M->globals()))
        if (Each.getName().starts_with("llvm."))
          Each.eraseFromParent();
    for (Function &Each : *M)
      if (!IsInput && !Each.isDeclaration() && !Names.count(Each.getName().str()))
        Each.deleteBody();
    std::string Text;
    if (IsIr) {
      raw_string_ostream Out(Text);
      for (Function &Each : *M)
        if (!Each.isDeclaration()) {
          Out << (Text.empty() ? "" : "\n");
          Each.print(Out);
        }
    } else {
      SmallString<0> Assembly;
      raw_svector_ostream Out(Assembly);
      legacy::PassManager Passes;
      (*Machine)->Options.MCOptions.AsmVerbose = false;
      if ((*Machine)->addPassesToEmitFile(Passes, Out, nullptr, CodeGenFileType::AssemblyFile))
        return json::Object{{"why", "this processor has no assembly here"}};
      Passes.run(*M);
      Text = Assembly.str().str();
    }
    return json::Object{{"text", json::fixUTF8(Text)}};
  });
  if (Listed.empty())
    return json::Object{{"why", "it takes longer than two seconds, or the compiler crashes over it"}};
  return Listed;
}

} // namespace halo
