#include "Pragmas.h"

#include "clang/Lex/HeaderSearch.h"
#include "clang/Lex/Pragma.h"
#include "clang/Lex/Preprocessor.h"

#include <functional>

using namespace clang;

namespace halo {
namespace {

// NAME("DIRECTORY")
class DirectoryPragma final : public PragmaHandler {
public:
  using Taker = std::function<bool(Preprocessor &, llvm::StringRef)>;
  DirectoryPragma(llvm::StringRef Name, Taker Take) : PragmaHandler(Name), Take(std::move(Take)) {}

  void HandlePragma(Preprocessor &PP, PragmaIntroducer, Token &First) override {
    SourceLocation At = First.getLocation();
    std::string Directory;
    Token Next;
    PP.Lex(Next);
    bool IsGood = Next.is(tok::l_paren) &&
                  PP.LexStringLiteral(Next, Directory, "pragma halo", /*AllowMacroExpansion=*/true) &&
                  Next.is(tok::r_paren);
    DiagnosticsEngine &Diagnostics = PP.getDiagnostics();
    if (!IsGood)
      PP.Diag(At, Diagnostics.getCustomDiagID(DiagnosticsEngine::Error, "expected %0(\"DIRECTORY\")"))
          << getName();
    else if (!Take(PP, Directory))
      PP.Diag(At, Diagnostics.getCustomDiagID(DiagnosticsEngine::Error, "%0: there is no such directory"))
          << Directory;
    if (Next.isNot(tok::eod))
      PP.DiscardUntilEndOfDirective();
  }

private:
  Taker Take;
};

bool addIncludePath(Preprocessor &PP, llvm::StringRef Path) {
  auto Directory = PP.getFileManager().getOptionalDirectoryRef(Path);
  if (Directory)
    PP.getHeaderSearchInfo().AddSearchPath(DirectoryLookup(*Directory, SrcMgr::C_User, /*isFramework=*/false),
                                           /*isAngled=*/true);
  return Directory.has_value();
}

} // namespace

void attachPragmas(CompilerInstance &Instance, Libraries &Libraries) {
  Preprocessor &PP = Instance.getPreprocessor();
  PP.AddPragmaHandler("halo", new DirectoryPragma("include_path", addIncludePath));
  PP.AddPragmaHandler("halo", new DirectoryPragma("library_path", [&](Preprocessor &, llvm::StringRef Path) {
                        Libraries.addDirectory(Path); // of the executor's machine: not for us to know
                        return true;
                      }));
}

} // namespace halo
