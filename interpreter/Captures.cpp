#include "Captures.h"

#include "Overhearing.h"

#include "clang/Basic/DiagnosticSema.h"
#include "clang/Lex/Lexer.h"

using namespace llvm;
using namespace clang;

namespace halo {

class Captures::Listener final : public Overhearing {
public:
  explicit Listener(Captures &Owner) : Owner(Owner) {}

private:
  void hear(DiagnosticsEngine::Level, const Diagnostic &Info) override {
    if (Info.getID() == diag::err_capture_default_non_local)
      Owner.Defaults.push_back(Info.getLocation());
  }

  Captures &Owner;
};

Captures::Captures(halo::Compiler &Compiler) : Compiler(Compiler) {
  Overhearing::attach<Listener>(Compiler.instance(), *this);
}

std::vector<std::pair<size_t, size_t>> Captures::surplus() const {
  CompilerInstance &Clang = Compiler.instance();
  const SourceManager &Sources = Clang.getSourceManager();
  std::vector<std::pair<size_t, size_t>> Found;
  for (SourceLocation Each : Defaults) {
    if (!Each.isFileID() || !Compiler.isUsers(Each)) // a macro's, a header's
      continue;
    size_t From = Sources.getFileOffset(Each);
    size_t To = From + 1;
    if (auto Next = Lexer::findNextToken(Each, Sources, Clang.getLangOpts()); Next && Next->is(tok::comma))
      To = Sources.getFileOffset(Next->getEndLoc());
    Found.emplace_back(From, To);
  }
  return Found;
}

} // namespace halo
