#include "Modules.h"

#include "clang/AST/ASTContext.h"
#include "clang/AST/Attr.h"
#include "clang/AST/DeclCXX.h"
#include "clang/AST/DeclTemplate.h"
#include "clang/Basic/TargetInfo.h"
#include "clang/CodeGen/BackendUtil.h"
#include "clang/Frontend/MultiplexConsumer.h"
#include "clang/Lex/PreprocessorOptions.h"
#include "llvm/IR/DebugInfoMetadata.h"
#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace halo {
namespace {

// So little that none of it is missed, and so many that making contexts is not felt.
constexpr unsigned ModulesOfContext = 8;

// LLVM's own handler ends the process.
class Teller final : public DiagnosticHandler {
public:
  explicit Teller(clang::DiagnosticsEngine &To) : To(To) {}
  bool handleDiagnostics(const DiagnosticInfo &Info) override {
    if (Info.getSeverity() != DS_Error && Info.getSeverity() != DS_Warning)
      return true;
    std::string Text;
    raw_string_ostream Out(Text);
    DiagnosticPrinterRawOStream Printer(Out);
    Info.print(Printer);
    auto Level = Info.getSeverity() == DS_Error ? clang::DiagnosticIDs::Error : clang::DiagnosticIDs::Warning;
    To.Report(To.getDiagnosticIDs()->getCustomDiagID(Level, "%0")) << Text;
    return true;
  }

private:
  clang::DiagnosticsEngine &To;
};

// clang initializes what others cannot see when something uses it; by then an input may have changed what
// it is initialized with.
class Eager final : public clang::ASTConsumer {
public:
  bool HandleTopLevelDecl(clang::DeclGroupRef Group) override {
    for (clang::Decl *Each : Group)
      hold(*Each);
    return true;
  }

private:
  static void hold(clang::Decl &D) {
    if (isa<clang::NamespaceDecl, clang::LinkageSpecDecl>(D)) {
      for (clang::Decl *Each : cast<clang::DeclContext>(&D)->decls())
        hold(*Each);
      return;
    }
    auto *Variable = dyn_cast<clang::VarDecl>(&D);
    if (!Variable || D.isFromASTFile() || D.isInvalidDecl() || Variable->isTemplated() ||
        isa<clang::VarTemplateSpecializationDecl>(D) || !Variable->isFileVarDecl() ||
        Variable->isStaticDataMember())
      return;
    clang::ASTContext &Context = D.getASTContext();
    if (const clang::Expr *Value = Variable->getInit();
        Value && !Value->isConstantInitializer(Context, Variable->getType()->isReferenceType()))
      D.addAttr(clang::UsedAttr::CreateImplicit(Context));
  }
};

// That of a variable that an earlier input, or a header of it, has declared; not one that only uses it.
bool initializes(const Function &Initializer, const GlobalVariable &Variable, const clang::Decl &Of) {
  bool IsUsed = false, IsThere = false;
  StringRef File = Of.getASTContext().getSourceManager().getPresumedLoc(Of.getLocation()).getFilename();
  for (const Instruction &Each : instructions(Initializer)) {
    IsUsed |= llvm::is_contained(Each.operand_values(), &Variable);
    const DebugLoc &At = Each.getDebugLoc();
    IsThere |= At && sys::path::filename(At->getFilename()) == sys::path::filename(File);
  }
  return IsUsed && IsThere;
}

// Coroutines are whole functions until then, and some must be inlined.
bool needsPasses(const Module &M) {
  for (const Function &Each : M) {
    if (Each.isIntrinsic() && Each.getName().starts_with("llvm.coro."))
      return true;
    if (Each.isDeclaration())
      continue;
    if (Each.hasFnAttribute(Attribute::AlwaysInline) || Each.isPresplitCoroutine())
      return true;
    for (const Instruction &I : instructions(Each))
      if (auto *Call = dyn_cast<CallBase>(&I); Call && Call->hasFnAttr(Attribute::AlwaysInline))
        return true;
  }
  return false;
}

} // namespace

// What is static, unnamed or in an unnamed namespace has internal symbols, and clang makes it anew for each
// module that uses it; but to the user it is one. Here the first is the one for all.
void Modules::unite(Module &M) {
  std::vector<std::pair<GlobalVariable *, const clang::Decl *>> Again;
  for (GlobalObject &Each : M.global_objects()) {
    if (!Each.hasInternalLinkage() || Each.isDeclaration())
      continue;
    const clang::Decl *Of = Generator->GetDeclForMangledName(Each.getName());
    if (!Of && !Each.getName().starts_with("_ZT")) // types
      continue;
    Each.setLinkage(GlobalValue::ExternalLinkage);
    if (United.insert(Each.getName()).second)
      continue;
    Each.setComdat(nullptr);
    if (auto *Variable = dyn_cast<GlobalVariable>(&Each)) {
      Variable->setInitializer(nullptr);
      if (Of)
        Again.emplace_back(Variable, Of);
    } else {
      cast<Function>(Each).deleteBody();
    }
  }
  if (Again.empty())
    return;
  for (Function &Each : M)
    if (Each.getName().starts_with("__cxx_global_var_init") && llvm::any_of(Again, [&](auto &Variable) {
          return initializes(Each, *Variable.first, *Variable.second);
        })) {
      Each.deleteBody();
      Each.setLinkage(GlobalValue::InternalLinkage);
      ReturnInst::Create(M.getContext(), BasicBlock::Create(M.getContext(), "", &Each));
    }
}

std::unique_ptr<clang::ASTConsumer> Modules::consumer(clang::CompilerInstance &Of) {
  Instance = &Of;
  Context = std::make_unique<LLVMContext>();
  auto Made = clang::CreateLLVMCodeGen(Of, "<<< inputs >>>", *Context);
  Generator = Made.get();
  std::vector<std::unique_ptr<clang::ASTConsumer>> Both;
  Both.push_back(std::make_unique<Eager>());
  Both.push_back(std::move(Made));
  return std::make_unique<clang::MultiplexConsumer>(std::move(Both));
}

void Modules::begin() {
  First = take();
  if (!Instance->getPreprocessorOpts().ImplicitPCHInclude.empty()) {
    First.reset();
    forget(); // what is static in it is not for others to link with
  }
}

std::unique_ptr<Module> Modules::take() {
  std::unique_ptr<Module> M = Generator->ReleaseModule();
  if (!M)
    return nullptr;
  unite(*M);
  if (++Count % ModulesOfContext == 0) {
    Last = std::exchange(Context, std::make_unique<LLVMContext>());
    Context->setDiscardValueNames(Instance->getCodeGenOpts().DiscardValueNames);
  }
  Generator->StartModule("incr_module_" + std::to_string(Count), *Context);
  if (First && !Linker::linkModules(*First, std::move(M)))
    M = std::move(First);
  if (M && (AsksForPasses || Instance->getCodeGenOpts().OptimizationLevel || needsPasses(*M)))
    runPasses(*M);
  return Instance->getDiagnostics().hasErrorOccurred() ? nullptr : std::move(M);
}

void Modules::runPasses(Module &M) {
  M.getContext().setDiagnosticHandler(std::make_unique<Teller>(Instance->getDiagnostics()));
  clang::emitBackendOutput(*Instance, Instance->getCodeGenOpts(), Instance->getTarget().getDataLayoutString(),
                           &M, clang::Backend_EmitNothing, Instance->getVirtualFileSystemPtr(), nullptr);
  M.getContext().setDiagnosticHandler(std::make_unique<DiagnosticHandler>()); // passes ask it
}

} // namespace halo
