#include "Redefinition.h"

#include "clang/AST/ASTContext.h"
#include "clang/AST/Attr.h"
#include "clang/AST/Decl.h"
#include "clang/AST/DeclCXX.h"
#include "clang/AST/DeclTemplate.h"
#include "clang/AST/Mangle.h"
#include "clang/Basic/DiagnosticSema.h"
#include "clang/Lex/Lexer.h"
#include "clang/Sema/IdentifierResolver.h"
#include "clang/Sema/Scope.h"
#include "clang/Sema/Sema.h"

using namespace llvm;
using namespace clang;

namespace halo {
namespace {

bool isRedefinition(unsigned Id) {
  switch (Id) {
  case diag::err_redefinition:
  case diag::err_redefinition_different_kind:
  case diag::err_redefinition_different_type:
  case diag::err_redefinition_different_typedef:
  case diag::err_redefinition_different_concept:
  case diag::err_ovl_diff_return_type:
  case diag::err_conflicting_types:
    return true;
  default:
    return false;
  }
}

// Of variables and functions that are no members and no templates nobody needs to remember the old one.
bool canBeHidden(const NamedDecl &D) {
  if (!D.getDeclContext()->isTranslationUnit()) // nor what C knows by its name
    return false;
  if (auto *Function = dyn_cast<FunctionDecl>(&D))
    return !isa<CXXMethodDecl>(D) && !Function->isTemplateInstantiation() &&
           !Function->getDescribedFunctionTemplate();
  auto *Variable = dyn_cast<VarDecl>(&D);
  return Variable && !isa<VarTemplateSpecializationDecl>(D) && !Variable->getDescribedVarTemplate();
}

// Those of extern "C" { … } too.
void forTopLevel(DeclContext &In, function_ref<void(NamedDecl &)> See) {
  for (Decl *Each : In.decls())
    if (auto *Block = dyn_cast<LinkageSpecDecl>(Each))
      forTopLevel(*Block, See);
    else if (auto *Named = dyn_cast<NamedDecl>(Each))
      See(*Named);
}

} // namespace

// Hears what clang says on its way to the user.
class Redefinition::Listener final : public DiagnosticConsumer {
public:
  Listener(Redefinition &Owner, std::unique_ptr<DiagnosticConsumer> Next)
      : Owner(Owner), Next(std::move(Next)) {}

  void BeginSourceFile(const LangOptions &Options, const Preprocessor *P) override {
    Next->BeginSourceFile(Options, P);
  }
  void EndSourceFile() override { Next->EndSourceFile(); }
  void clear() override {
    DiagnosticConsumer::clear();
    Next->clear();
  }
  bool IncludeInDiagnosticCounts() const override { return Next->IncludeInDiagnosticCounts(); }

  void HandleDiagnostic(DiagnosticsEngine::Level Level, const Diagnostic &Info) override {
    DiagnosticConsumer::HandleDiagnostic(Level, Info);
    unsigned At = Info.getLocation().getRawEncoding();
    if (Level == DiagnosticsEngine::Note && Clashing) // where the old one is
      Owner.Clashes.push_back({std::exchange(Clashing, 0), At});
    else if (Level != DiagnosticsEngine::Note)
      Clashing = isRedefinition(Info.getID()) ? At : 0;
    Next->HandleDiagnostic(Level, Info);
  }

private:
  Redefinition &Owner;
  std::unique_ptr<DiagnosticConsumer> Next;
  unsigned Clashing = 0;
};

// Gives new ones symbols of their own, before code is made of them.
class Redefinition::Namer final : public ASTConsumer {
public:
  explicit Namer(Redefinition &Owner) : Owner(Owner) {}

  bool HandleTopLevelDecl(DeclGroupRef Group) override {
    for (Decl *Each : Group)
      if (auto *Block = dyn_cast<LinkageSpecDecl>(Each))
        forTopLevel(*Block, [this](NamedDecl &D) { name(D); });
      else if (auto *Named = dyn_cast<NamedDecl>(Each))
        name(*Named);
    return true;
  }

private:
  void name(NamedDecl &D) {
    if (!canBeHidden(D) || !D.getIdentifier() || D.hasAttr<AsmLabelAttr>() ||
        !Owner.Hidden.count(D.getName().str()))
      return;
    std::string Label = D.getName().str() + "$" + std::to_string(Owner.Generation);
    if (auto *Function = dyn_cast<FunctionDecl>(&D)) // overloads
      Label += "$" + std::to_string(Function->getLocation().getRawEncoding());
    D.addAttr(AsmLabelAttr::CreateImplicit(D.getASTContext(), Label));
    if (auto *New = dyn_cast<FunctionDecl>(&D); New && New->isThisDeclarationADefinition())
      for (FunctionDecl *Old : Owner.Old)
        if (Old->getDeclName() == New->getDeclName() &&
            D.getASTContext().hasSameType(Old->getType(), New->getType()))
          Owner.Replaced.emplace_back(ASTNameGenerator(D.getASTContext()).getName(Old), Label);
  }

  Redefinition &Owner;
};

std::unique_ptr<ASTConsumer> Redefinition::consumer() { return std::make_unique<Namer>(*this); }

void Redefinition::attach(CompilerInstance &Of) {
  Instance = &Of;
  DiagnosticsEngine &Diagnostics = Of.getDiagnostics();
  Diagnostics.setClient(new Listener(*this, Diagnostics.takeClient()), /*ShouldOwnClient=*/true);
}

void Redefinition::hide(NamedDecl &Declared) {
  Sema &S = Instance->getSema();
  auto In = S.IdResolver.begin(Declared.getDeclName());
  if (std::find(In, S.IdResolver.end(), &Declared) != S.IdResolver.end())
    S.IdResolver.RemoveDecl(&Declared);
  if (S.TUScope && S.TUScope->isDeclScope(&Declared))
    S.TUScope->RemoveDecl(&Declared);
  Declared.getDeclContext()->removeDecl(&Declared);
  Hidden.insert(Declared.getName().str());
  if (auto *Function = dyn_cast<FunctionDecl>(&Declared))
    Old.push_back(Function);
}

std::string Redefinition::apply(const json::Object &Wanted, StringRef Source) {
  Clashes.clear();
  Hidden.clear();
  Old.clear();
  Replaced.clear();
  ++Generation;
  std::string Left = Source.str();
  if (auto *Places = Wanted.getArray("hide"))
    for (const json::Value &Place : *Places) {
      auto At = SourceLocation::getFromRawEncoding(static_cast<unsigned>(Place.getAsInteger().value_or(0)));
      SmallVector<NamedDecl *, 2> Found;
      for (auto *Unit = Instance->getASTContext().getTranslationUnitDecl(); Unit;
           Unit = Unit->getPreviousDecl())
        forTopLevel(*Unit, [&](NamedDecl &D) {
          if (D.getLocation() == At && canBeHidden(D))
            Found.push_back(&D);
        });
      for (NamedDecl *Each : Found)
        hide(*Each);
    }
  if (auto *Ranges = Wanted.getArray("drop"))
    for (const json::Value &Range : *Ranges)
      if (auto *Ends = Range.getAsArray(); Ends && Ends->size() == 2) {
        auto From = static_cast<size_t>((*Ends)[0].getAsInteger().value_or(0));
        auto To = std::min(Left.size(), static_cast<size_t>((*Ends)[1].getAsInteger().value_or(0)));
        for (size_t I = From; I < To; ++I)
          if (Left[I] != '\n')
            Left[I] = ' ';
      }
  return Left;
}

// How much of Text is the very tokens of Definition; nothing: it begins with others.
std::optional<size_t> Redefinition::repeats(StringRef Definition, StringRef Text) const {
  std::string Old = Definition.str(), New = Text.str();
  const LangOptions &Options = Instance->getLangOpts();
  Lexer OldTokens(SourceLocation(), Options, Old.data(), Old.data(), Old.data() + Old.size());
  Lexer NewTokens(SourceLocation(), Options, New.data(), New.data(), New.data() + New.size());
  auto Next = [](Lexer &From, StringRef In) {
    Token T;
    From.LexFromRawLexer(T);
    return In.substr(static_cast<size_t>(From.getBufferLocation() - In.data()) - T.getLength(),
                     T.getLength());
  };
  size_t End = 0;
  for (;;) {
    StringRef Expected = Next(OldTokens, Old);
    if (Expected.empty())
      return End ? std::optional(End) : std::nullopt;
    if (Next(NewTokens, New) != Expected)
      return std::nullopt;
    End = static_cast<size_t>(NewTokens.getBufferLocation() - New.data());
  }
}

std::unique_ptr<json::Object> Redefinition::wanted() {
  if (Clashes.empty())
    return nullptr;
  const SourceManager &Sources = Instance->getSourceManager();
  TranslationUnitDecl *Unit = Instance->getASTContext().getTranslationUnitDecl();
  // Declarations by their places. A template's place is that of what it declares.
  auto FindAt = [&](SourceLocation At, bool IsNew) {
    NamedDecl *Found = nullptr;
    for (auto *In = Unit; In && !Found; In = IsNew ? nullptr : In->getPreviousDecl())
      forTopLevel(*In, [&](NamedDecl &D) {
        if (D.getLocation() == At)
          Found = &D;
      });
    return Found;
  };
  json::Array Hide, Drop;
  for (const Clash &Each : Clashes) {
    NamedDecl *New = FindAt(SourceLocation::getFromRawEncoding(Each.New), true);
    NamedDecl *Old = FindAt(SourceLocation::getFromRawEncoding(Each.Old), false);
    if (!Old)
      continue;
    if (canBeHidden(*Old)) {
      Hide.push_back(static_cast<int64_t>(Each.Old));
      continue;
    }
    if (!New)
      continue;
    // Where clang gives a definition up, it does not know its end.
    SourceLocation Begin = Sources.getFileLoc(New->getBeginLoc());
    StringRef Input = Sources.getBufferData(Sources.getFileID(Begin));
    size_t Offset = Sources.getFileOffset(Begin);
    StringRef Definition = Lexer::getSourceText(CharSourceRange::getTokenRange(Old->getSourceRange()),
                                                Sources, Instance->getLangOpts());
    if (auto Length = repeats(Definition, Input.drop_front(Offset)))
      Drop.push_back(json::Array{static_cast<int64_t>(Offset), static_cast<int64_t>(Offset + *Length)});
  }
  if (Hide.empty() && Drop.empty())
    return nullptr;
  return std::make_unique<json::Object>(json::Object{{"hide", std::move(Hide)}, {"drop", std::move(Drop)}});
}

} // namespace halo
