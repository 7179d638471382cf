#include "Redefinition.h"

#include "Overhearing.h"

#include "clang/AST/ASTContext.h"
#include "clang/AST/Attr.h"
#include "clang/AST/Decl.h"
#include "clang/AST/DeclCXX.h"
#include "clang/AST/DeclContextInternals.h"
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

std::string nameIn(const Diagnostic &Info) {
  for (unsigned I = 0; I < Info.getNumArgs(); ++I)
    switch (Info.getArgKind(I)) {
    case DiagnosticsEngine::ak_declarationname:
      return DeclarationName::getFromOpaqueInteger(Info.getRawArg(I)).getAsString();
    case DiagnosticsEngine::ak_nameddecl:
      return reinterpret_cast<NamedDecl *>(Info.getRawArg(I))->getNameAsString();
    case DiagnosticsEngine::ak_identifierinfo:
      return Info.getArgIdentifier(I)->getName().str();
    default:
      break;
    }
  return {};
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

// It stays among the declarations, but is found no more. (clang's own removal wants those of a cached
// header to have been read.)
void forget(DeclContext &In, NamedDecl &Declared) {
  In.lookup(Declared.getDeclName());
  StoredDeclsMap *Names = In.getLookupPtr();
  if (!Names)
    return;
  auto Known = Names->find(Declared.getDeclName());
  if (Known == Names->end())
    return;
  Known->second.remove(&Declared);
  // A name without an entry would be asked of the header cache again.
  if (Known->second.isNull() && !In.hasExternalVisibleStorage())
    Names->erase(Known);
}

} // namespace

class Redefinition::Listener final : public Overhearing {
public:
  explicit Listener(Redefinition &Owner) : Owner(Owner) {}

private:
  void hear(DiagnosticsEngine::Level Level, const Diagnostic &Info) override {
    unsigned At = Info.getLocation().getRawEncoding();
    if (Level == DiagnosticsEngine::Note && Clashing.New) { // where the old one is
      Clashing.Old = At;
      Owner.Clashes.push_back(std::exchange(Clashing, {}));
    } else if (Level != DiagnosticsEngine::Note) {
      Clashing = isRedefinition(Info.getID()) ? Clash{nameIn(Info), At, 0} : Clash{};
    }
  }

  Redefinition &Owner;
  Clash Clashing{};
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
            D.getASTContext().hasSameType(Old->getType(), New->getType())) {
          D.addAttr(UsedAttr::CreateImplicit(D.getASTContext())); // there is code for it, if inline or static
          Owner.Replaced.emplace_back(ASTNameGenerator(D.getASTContext()).getName(Old), Label);
        }
  }

  Redefinition &Owner;
};

std::unique_ptr<ASTConsumer> Redefinition::consumer() { return std::make_unique<Namer>(*this); }

void Redefinition::attach(CompilerInstance &Of) {
  Instance = &Of;
  Overhearing::attach<Listener>(Of, *this);
}

// Among all that have the name: what headers declare is not read for it.
NamedDecl *Redefinition::find(StringRef Name, unsigned At, NamedDecl *New) const {
  ASTContext &Context = Instance->getASTContext();
  for (NamedDecl *Each : Context.getTranslationUnitDecl()->getFirstDecl()->lookup(&Context.Idents.get(Name)))
    for (Decl *Redeclared : Each->redecls())
      if (Redeclared->getLocation().getRawEncoding() == At)
        return cast<NamedDecl>(Redeclared);
  // clang may have put the new one in the old one's place.
  if (New)
    for (Decl *Redeclared : New->redecls())
      if (Redeclared->getLocation().getRawEncoding() == At)
        return cast<NamedDecl>(Redeclared);
  return nullptr;
}

void Redefinition::hide(NamedDecl &Declared) {
  Sema &S = Instance->getSema();
  auto In = S.IdResolver.begin(Declared.getDeclName());
  if (std::find(In, S.IdResolver.end(), &Declared) != S.IdResolver.end())
    S.IdResolver.RemoveDecl(&Declared);
  if (S.TUScope && S.TUScope->isDeclScope(&Declared))
    S.TUScope->RemoveDecl(&Declared);
  ASTContext &Context = Declared.getASTContext();
  forget(*Context.getTranslationUnitDecl()->getPrimaryContext(), Declared);
  if (DeclContext *In = Context.getExternCContextDecl(); Declared.getDeclContext()->isExternCContext())
    forget(*In, Declared);
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
    for (const json::Value &Place : *Places)
      if (const json::Object *Fields = Place.getAsObject())
        if (NamedDecl *Old = find(Fields->getString("name").value_or(""),
                                  static_cast<unsigned>(Fields->getInteger("at").value_or(0))))
          hide(*Old);
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

json::Object Redefinition::wanted() {
  const SourceManager &Sources = Instance->getSourceManager();
  TranslationUnitDecl *Unit = Instance->getASTContext().getTranslationUnitDecl();
  // Declarations by their places. A template's place is that of what it declares.
  json::Array Hide, Drop;
  for (const Clash &Each : Clashes) {
    NamedDecl *New = nullptr;
    forTopLevel(*Unit, [&](NamedDecl &D) {
      if (D.getLocation().getRawEncoding() == Each.New)
        New = &D;
    });
    NamedDecl *Old = find(Each.Name, Each.Old, New);
    if (!Old)
      continue;
    // A variable takes a name that only C's library has.
    bool IsLibrary = isa<FunctionDecl>(Old) && !Old->getDeclContext()->isTranslationUnit() &&
                     Sources.isInSystemHeader(Old->getLocation()) && isa_and_nonnull<VarDecl>(New);
    if (canBeHidden(*Old) || IsLibrary) {
      Hide.push_back(json::Object{{"name", Each.Name}, {"at", static_cast<int64_t>(Each.Old)}});
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
  return json::Object{{"hide", std::move(Hide)}, {"drop", std::move(Drop)}};
}

} // namespace halo
