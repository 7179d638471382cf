#include "Modules.h"

#include "clang/Basic/TargetInfo.h"
#include "clang/CodeGen/BackendUtil.h"
#include "clang/Lex/PreprocessorOptions.h"
#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/Linker/Linker.h"

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

std::unique_ptr<clang::ASTConsumer> Modules::consumer(clang::CompilerInstance &Of) {
  Instance = &Of;
  Context = std::make_unique<LLVMContext>();
  auto Made = clang::CreateLLVMCodeGen(Of, "<<< inputs >>>", *Context);
  Generator = Made.get();
  return Made;
}

void Modules::begin() {
  First = take();
  if (!Instance->getPreprocessorOpts().ImplicitPCHInclude.empty())
    First.reset();
}

std::unique_ptr<Module> Modules::take() {
  std::unique_ptr<Module> M = Generator->ReleaseModule();
  if (!M)
    return nullptr;
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
