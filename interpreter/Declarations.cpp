#include "Declarations.h"

#include "clang/Lex/Lexer.h"
#include "llvm/ADT/STLExtras.h"

#include <string>
#include <vector>

using namespace llvm;
using namespace clang;

namespace halo {
namespace {

struct Piece {
  Range At;
  tok::TokenKind Kind;
  StringRef Word;
  int Depth; // of brackets around it
};

std::vector<Piece> pieces(const LangOptions &Options, StringRef Text) {
  std::string Ended = Text.str(); // the lexer wants a 0 after it
  const char *Begin = Ended.data();
  Lexer Raw(SourceLocation(), Options, Begin, Begin, Begin + Ended.size());
  std::vector<Piece> Found;
  bool IsDirective = false;
  int Depth = 0;
  Token T;
  for (Raw.LexFromRawLexer(T); T.isNot(tok::eof); Raw.LexFromRawLexer(T)) {
    auto To = static_cast<size_t>(Raw.getBufferLocation() - Begin);
    Range At(To - T.getLength(), To);
    if (T.isAtStartOfLine())
      IsDirective = T.is(tok::hash);
    if (IsDirective)
      continue;
    Depth -= T.isOneOf(tok::r_brace, tok::r_paren, tok::r_square);
    Found.push_back({At, T.getKind(), Text.slice(At.first, At.second), Depth});
    Depth += T.isOneOf(tok::l_brace, tok::l_paren, tok::l_square);
  }
  return Found;
}

bool isType(StringRef Word) {
  return Word == "struct" || Word == "class" || Word == "union" || Word == "enum";
}

// One declaration or statement in the making.
class Declaration {
public:
  // Whether it ends with this piece.
  bool endsWith(const Piece &Each, const Piece *Next) {
    if (Each.Depth > 0)
      return false;
    if (Angles > 0 || (IsTemplate && Each.Kind == tok::less)) {
      Angles += Each.Kind == tok::less;
      Angles -= Each.Kind == tok::greater ? 1 : Each.Kind == tok::greatergreater ? 2 : 0;
      IsTemplate = false;
      return false;
    }
    IsTemplate = Each.Word == "template";
    HasParameters |= Each.Kind == tok::l_paren;
    HasValue |= Each.Kind == tok::equal;
    HasType |= Each.Word == "typedef" || isType(Each.Word);
    if (Each.Kind == tok::semi)
      return true;
    if (Each.Kind != tok::r_brace || HasValue || (HasType && !HasParameters))
      return false;
    // A body, unless what is in the braces is a value.
    static constexpr tok::TokenKind More[] = {tok::semi,    tok::comma,  tok::l_brace,
                                              tok::l_paren, tok::period, tok::l_square};
    return !Next || !llvm::is_contained(More, Next->Kind);
  }

private:
  bool IsTemplate = false, HasParameters = false, HasValue = false, HasType = false;
  int Angles = 0;
};

} // namespace

std::optional<Range> declarationAt(const LangOptions &Options, StringRef Text, size_t At) {
  std::vector<Piece> Pieces = pieces(Options, Text);
  size_t Begin = 0;
  Declaration Now;
  for (size_t I = 0; I < Pieces.size(); ++I) {
    bool IsLast = I + 1 == Pieces.size();
    if (!Now.endsWith(Pieces[I], IsLast ? nullptr : &Pieces[I + 1]) && !IsLast)
      continue;
    Range Whole(Pieces[Begin].At.first, Pieces[I].At.second);
    if (Whole.first <= At && At < Whole.second)
      return Whole;
    Begin = I + 1;
    Now = Declaration();
  }
  return std::nullopt;
}

std::optional<Range> definitionWithin(const LangOptions &Options, StringRef Text) {
  std::vector<Piece> Pieces = pieces(Options, Text);
  auto IsOutermost = [](tok::TokenKind Kind) {
    return [Kind](const Piece &Each) { return Each.Depth == 0 && Each.Kind == Kind; };
  };
  auto Open = llvm::find_if(Pieces, IsOutermost(tok::l_brace));
  auto Close = llvm::find_if(Pieces, IsOutermost(tok::r_brace));
  auto HasWord = [&](function_ref<bool(const Piece &)> Is) { return std::any_of(Pieces.begin(), Open, Is); };
  if (Close == Pieces.end() || Close < Open || Close + 1 == Pieces.end() || Close[1].Kind == tok::semi ||
      Pieces.front().Word == "typedef" || HasWord(IsOutermost(tok::l_paren)) ||
      !HasWord([](const Piece &Each) { return isType(Each.Word); }))
    return std::nullopt;
  auto Bases = std::find_if(Pieces.begin(), Open, IsOutermost(tok::colon));
  return Range(Bases->At.first, Close->At.second);
}

bool haveSameTokens(const LangOptions &Options, StringRef One, StringRef Other) {
  auto AreSame = [](const Piece &Left, const Piece &Right) { return Left.Word == Right.Word; };
  std::vector<Piece> Left = pieces(Options, One), Right = pieces(Options, Other);
  return llvm::equal(Left, Right, AreSame);
}

} // namespace halo
