#include "Headers.h"

#include "Compiler.h"

#include "clang/Frontend/CompilerInstance.h"
#include "clang/Frontend/FrontendActions.h"

using namespace llvm;

namespace halo {

Error writeHeaders(const Triple &Triple, const std::vector<std::string> &Flags, const std::string &Header,
                   const std::string &Output) {
  auto Instance = Compiler::instanceFor(Triple, Flags);
  if (!Instance)
    return Instance.takeError();
  clang::FrontendOptions &Options = (*Instance)->getFrontendOpts();
  Options.Inputs = {clang::FrontendInputFile(Header, clang::InputKind(clang::Language::CXX).getHeader())};
  Options.OutputFile = Output; // through a temporary file
  Options.ProgramAction = clang::frontend::GeneratePCH;
  // Instances of templates that these headers need are made once, here; and their code and that of
  // inline functions is another file's, so sessions make none of it.
  (*Instance)->getLangOpts().PCHInstantiateTemplates = true;
  (*Instance)->getLangOpts().ModulesCodegen = true;
  (*Instance)->getDiagnostics().setIgnoreAllWarnings(true);
  clang::GeneratePCHAction Action;
  if (!(*Instance)->ExecuteAction(Action))
    return createStringError("the header cache cannot be written to " + Output);
  return Error::success();
}

} // namespace halo
