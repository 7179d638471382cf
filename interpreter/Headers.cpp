#include "Headers.h"

#include "Compiler.h"
#include "Warmup.h"

#include "clang/AST/ASTConsumer.h"
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
  // A session must not find out that there is an error in what it does with it by itself.
  std::vector<std::string> All = Flags;
  All.insert(All.end(), {"-include-pch", Output});
  auto Session = Compiler::create(Triple, All, std::make_unique<clang::ASTConsumer>());
  if (!Session)
    return Session.takeError();
  for (Warmup Try(**Session, /*HasCache=*/true); !Try.isOver();)
    if (!Try.step())
      return createStringError("the header cache does not know what it should: " +
                               (*Session)->takeDiagnostics());
  return Error::success();
}

} // namespace halo
