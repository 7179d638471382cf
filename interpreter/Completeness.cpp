#include "Completeness.h"

#include "Copy.h"

#include "clang/Basic/Diagnostic.h"
#include "clang/Frontend/CompilerInstance.h"
#include "clang/Lex/Lexer.h"

using namespace llvm;
using namespace clang;

namespace halo {
namespace {

// Whether the first error is that the text has come to its end.
class FirstError final : public DiagnosticConsumer {
public:
  explicit FirstError(size_t End) : End(End) {}

  void HandleDiagnostic(DiagnosticsEngine::Level Level, const Diagnostic &Info) override {
    DiagnosticConsumer::HandleDiagnostic(Level, Info);
    if (Level < DiagnosticsEngine::Error || HasError)
      return;
    HasError = true;
    if (!Info.hasSourceManager() || Info.getLocation().isInvalid())
      return;
    SourceManager &Sources = Info.getSourceManager();
    SourceLocation At = Sources.getFileLoc(Info.getLocation());
    // The end of an input is in no file.
    StringRef Name = Sources.getBufferName(At);
    IsAtEnd = Name.empty() || (Name.starts_with("input_line_") && Sources.getFileOffset(At) >= End);
  }

  size_t End;
  bool HasError = false, IsAtEnd = false;
};

struct Tokens {
  int Depth = 0;
  int Conditionals = 0;
  bool IsOpen = false; // a comment, a literal or a line goes on
  size_t End = 0;      // of the last token
  size_t Count = 0;
  tok::TokenKind Last = tok::eof;
};

Tokens scan(StringRef Text, const LangOptions &Options) {
  Tokens Seen;
  std::string Buffer = Text.str();
  Lexer Raw(SourceLocation(), Options, Buffer.data(), Buffer.data(), Buffer.data() + Buffer.size());
  Token T;
  bool IsDirective = false;
  for (;;) {
    Raw.LexFromRawLexer(T);
    if (T.is(tok::eof))
      break;
    size_t At = static_cast<size_t>(Raw.getBufferLocation() - Buffer.data()) - T.getLength();
    StringRef Spelling = StringRef(Buffer).substr(At, T.getLength());
    if (IsDirective && T.is(tok::raw_identifier)) {
      Seen.Conditionals += Spelling == "if" || Spelling == "ifdef" || Spelling == "ifndef";
      Seen.Conditionals -= Spelling == "endif";
    }
    IsDirective = T.is(tok::hash) && T.isAtStartOfLine();
    switch (T.getKind()) {
    case tok::l_brace:
    case tok::l_paren:
    case tok::l_square:
      ++Seen.Depth;
      break;
    case tok::r_brace:
    case tok::r_paren:
    case tok::r_square:
      --Seen.Depth;
      break;
    case tok::unknown: // a raw string or a comment without an end; else a stray character
      Seen.IsOpen |= Spelling.contains("R\"") || Spelling.starts_with("/*");
      break;
    default:
      break;
    }
    ++Seen.Count;
    Seen.Last = T.getKind();
    Seen.End = At + T.getLength();
  }
  StringRef Rest = StringRef(Buffer).drop_front(Seen.End);
  if (size_t Comment = Rest.rfind("/*"); Comment != StringRef::npos &&
                                         !Rest.drop_front(Comment).contains("*/") &&
                                         !Rest.take_front(Comment).rsplit('\n').second.contains("//"))
    Seen.IsOpen = true;
  Seen.IsOpen |= StringRef(Buffer).rtrim(" \t\r\n").ends_with("\\");
  return Seen;
}

} // namespace

bool isCut(Compiler &C, StringRef Text) {
  Tokens Seen = scan(Text, C.instance().getLangOpts());
  return Seen.IsOpen || Seen.Depth > 0 || Seen.Conditionals > 0;
}

Progress completeness(Compiler &C, StringRef Text) {
  Tokens Seen = scan(Text, C.instance().getLangOpts());
  unsigned Depth = static_cast<unsigned>(std::max(Seen.Depth, 0));
  if (Seen.IsOpen || Seen.Depth > 0 || Seen.Conditionals > 0)
    return {Completeness::Incomplete, Depth};
  bool IsOneWord =
      Seen.Count == 1 && (Seen.Last == tok::raw_identifier || Seen.Last == tok::numeric_constant);
  if (Seen.Depth < 0 || Seen.Last == tok::semi || Seen.Last == tok::eof || IsOneWord)
    return {Completeness::Complete, 0};

  auto Found = inCopy([&] {
    auto *Errors = new FirstError(Seen.End);
    C.instance().getDiagnostics().setClient(Errors, /*ShouldOwnClient=*/false);
    C.compile(Text);
    return std::string(Errors->IsAtEnd ? "incomplete" : Errors->HasError ? "invalid" : "complete");
  });
  if (Found == "incomplete")
    return {Completeness::Incomplete, 0};
  return {Found == "invalid" ? Completeness::Invalid : Completeness::Complete, 0};
}

} // namespace halo
