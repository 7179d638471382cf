#include "Completeness.h"

#include "Copy.h"

#include "clang/Basic/Diagnostic.h"
#include "clang/Frontend/CompilerInstance.h"
#include "clang/Lex/Lexer.h"
#include "clang/Lex/Preprocessor.h"

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

// Whether a text is an expression, by its tokens alone: operands (names, literals, what is in brackets)
// with operators between them. What might be a declaration (a * b, T::T(x)) is none.
class Operands {
public:
  void take(tok::TokenKind Kind, bool IsPlainName) {
    if (Kind == tok::raw_identifier || tok::isLiteral(Kind)) {
      IsPlain &= !IsAfterOperand && (IsPlainName || Kind != tok::raw_identifier);
      IsName &= Kind == tok::raw_identifier;
      IsAfterOperand = true;
    } else if (Kind == tok::l_paren || Kind == tok::l_square) {
      // Not a lambda, nor a function of a class that goes on in the next line.
      IsPlain &= Kind == tok::l_paren ? !(IsName && HasScope) : IsAfterOperand;
      IsEmptyCall = IsAfterOperand;
      IsAfterOperand = IsName = false;
      return;
    } else if (Kind == tok::r_paren || Kind == tok::r_square) {
      IsPlain &= IsAfterOperand || IsEmptyCall;
      IsAfterOperand = true;
    } else if (Kind != tok::plusplus && Kind != tok::minusminus) {
      IsPlain &= IsAfterOperand ? isBetween(Kind) : isPrefix(Kind);
      HasScope |= Kind == tok::coloncolon;
      IsName &= Kind == tok::coloncolon;
      IsAfterOperand = false;
    }
    IsEmptyCall = false;
  }

  bool isWhole() const { return IsPlain && IsAfterOperand; }

private:
  static bool isPrefix(tok::TokenKind Kind) {
    return Kind == tok::plus || Kind == tok::minus || Kind == tok::exclaim || Kind == tok::tilde ||
           Kind == tok::star || Kind == tok::amp;
  }

  bool isBetween(tok::TokenKind Kind) const {
    switch (Kind) {
    case tok::period:
    case tok::arrow:
    case tok::coloncolon:
    case tok::plus:
    case tok::minus:
    case tok::slash:
    case tok::percent:
    case tok::pipe:
    case tok::caret:
    case tok::pipepipe:
    case tok::lessless:
    case tok::greatergreater:
    case tok::equalequal:
    case tok::exclaimequal:
    case tok::lessequal:
    case tok::greaterequal:
    case tok::equal:
    case tok::plusequal:
    case tok::minusequal:
    case tok::starequal:
    case tok::slashequal:
    case tok::comma:
      return true;
    case tok::star:
    case tok::amp:
    case tok::ampamp:
      return !IsName;
    default: // '<' may begin a template's arguments
      return false;
    }
  }

  bool IsPlain = true, IsAfterOperand = false;
  bool IsName = true, HasScope = false; // nothing but a name so far, with `::` in it
  bool IsEmptyCall = false;             // the bracket of a call has just been opened
};

// Whether a statement at the outermost level is still to come, whatever the names in its head mean:
// after `if (...)`, `else`, `do`; or the `while` of a `do`.
class Statements {
public:
  // Depth: of brackets, before the token.
  void take(StringRef Spelling, tok::TokenKind Kind, int Depth) {
    takeDeclaration(Spelling, Kind, Depth);
    if (At == Place::InHead && Depth == 1 && Kind == tok::r_paren)
      At = Place::Body;
    else if (Depth == 0 && At == Place::Head && Kind == tok::l_paren)
      At = Place::InHead;
    else if (Depth == 0 && !(At == Place::Head && Spelling == "constexpr"))
      At = Kind == tok::raw_identifier ? after(Spelling) : Place::None;
  }

  bool isOpen() const { return At != Place::None || Dos > 0 || IsDeclaration; }
  bool isBody() const { return At == Place::Body; }

private:
  enum class Place { None, Head, InHead, Body };

  // What begins with these has a body, or ends with a semicolon; clang says of some that they are wrong.
  void takeDeclaration(StringRef Spelling, tok::TokenKind Kind, int Depth) {
    static constexpr StringRef Words[] = {"class", "enum", "namespace", "struct", "typedef", "union"};
    if (Depth == 0 && IsAtBegin)
      IsDeclaration = llvm::is_contained(Words, Spelling);
    if (Depth == 0 && (Kind == tok::l_brace || Kind == tok::semi))
      IsDeclaration = false;
    IsAtBegin = (Depth == 0 && Kind == tok::semi) || (Depth == 1 && Kind == tok::r_brace);
  }

  Place after(StringRef Name) {
    if (Name == "while" && Dos > 0 && At != Place::Body) {
      --Dos;
      return Place::None;
    }
    if (Name == "if" || Name == "for" || Name == "while" || Name == "switch")
      return Place::Head;
    Dos += Name == "do";
    return Name == "else" || Name == "do" ? Place::Body : Place::None;
  }

  Place At = Place::None;
  int Dos = 0; // without their `while`
  bool IsAtBegin = true, IsDeclaration = false;
};

// Of `#if` and what belongs to it. Which alternative is the one cannot be told without the preprocessor;
// what counts are the brackets of the first that is not `#if 0`.
class Conditionals {
public:
  // Depth: of brackets so far.
  void take(StringRef Directive, int &Depth) {
    if (Directive == "if" || Directive == "ifdef" || Directive == "ifndef") {
      Open.push_back({Depth, std::nullopt, false});
      return;
    }
    bool IsEnd = Directive == "endif";
    if (Open.empty() || (!IsEnd && !Directive.starts_with("el"))) // else, elif, elifdef, elifndef
      return;
    Alternatives &Last = Open.back();
    if (!Last.After && !Last.IsNever)
      Last.After = Depth;
    Last.IsNever = false;
    Depth = IsEnd ? Last.After.value_or(Last.Before) : Last.Before;
    if (IsEnd)
      Open.pop_back();
  }
  void isNever(bool Is) { Open.back().IsNever = Is; }

  bool isOpen() const { return !Open.empty(); }
  bool isLeftOut() const {
    return llvm::any_of(Open, [](const Alternatives &Each) { return Each.IsNever; });
  }

private:
  struct Alternatives {
    int Before;               // depth of brackets
    std::optional<int> After; // the first of them
    bool IsNever;             // in #if 0
  };
  std::vector<Alternatives> Open;
};

struct Tokens {
  int Depth = 0;
  Conditionals Ifs;
  bool IsOpen = false;      // a comment, a literal or a line goes on
  bool IsDirectives = true; // and nothing else
  bool HasReturn = false;   // outside of functions
  bool HasMacro = false;    // which may have brackets
  Operands Expression;
  Statements Outermost;
  size_t End = 0; // of the last token
  tok::TokenKind Last = tok::eof;
};

Tokens scan(CompilerInstance &Clang, StringRef Text) {
  Tokens Seen;
  const LangOptions &Options = Clang.getLangOpts();
  const IdentifierTable &Names = Clang.getPreprocessor().getIdentifierTable();
  std::string Buffer = Text.str();
  Lexer Raw(SourceLocation(), Options, Buffer.data(), Buffer.data(), Buffer.data() + Buffer.size());
  Token T;
  bool IsDirective = false, IsIf = false, IsInDirective = false;
  for (;;) {
    Raw.LexFromRawLexer(T);
    if (T.is(tok::eof))
      break;
    size_t At = static_cast<size_t>(Raw.getBufferLocation() - Buffer.data()) - T.getLength();
    StringRef Spelling = StringRef(Buffer).substr(At, T.getLength());
    if (IsDirective && T.is(tok::raw_identifier))
      Seen.Ifs.take(Spelling, Seen.Depth);
    else if (IsIf)
      Seen.Ifs.isNever(Spelling == "0");
    IsIf = IsDirective && Spelling == "if";
    IsDirective = T.is(tok::hash) && T.isAtStartOfLine();
    if (T.isAtStartOfLine()) {
      Seen.IsDirectives &= IsDirective;
      IsInDirective = IsDirective;
    }
    Seen.Last = T.getKind();
    Seen.End = At + T.getLength();
    if (IsInDirective || Seen.Ifs.isLeftOut())
      continue;
    auto Known = Names.find(Spelling);
    bool IsMacro = Known != Names.end() && Known->second->hasMacroDefinition();
    Seen.HasMacro |= IsMacro;
    Seen.Expression.take(T.getKind(), Known == Names.end() ||
                                          (Known->second->getTokenID() == tok::identifier && !IsMacro));
    Seen.Outermost.take(Spelling, T.getKind(), Seen.Depth);
    Seen.HasReturn |= Spelling == "return" && Seen.Depth == 0;
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

StringRef flaw(Compiler &C, StringRef Text) {
  Tokens Seen = scan(C.instance(), Text);
  if (Seen.IsOpen || Seen.Depth > 0 || Seen.Ifs.isOpen())
    return "the input ends inside of a bracket, a comment, a literal or an #if";
  return Seen.HasReturn && !Seen.HasMacro ? "'return' outside of a function" : "";
}

Progress completeness(Compiler &C, StringRef Text) {
  Tokens Seen = scan(C.instance(), Text);
  unsigned Depth = static_cast<unsigned>(std::max(Seen.Depth, 0));
  if (Seen.IsOpen || Seen.Depth > 0 || Seen.Ifs.isOpen() || Seen.Outermost.isOpen())
    return {Completeness::Incomplete, Depth + Seen.Outermost.isBody()};
  if (Seen.Depth < 0 || Seen.Last == tok::semi || Seen.Last == tok::eof || Seen.IsDirectives ||
      Seen.Expression.isWhole())
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
