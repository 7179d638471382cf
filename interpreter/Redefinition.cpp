#include "Redefinition.h"

#include "Declarations.h"
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
  case diag::err_redefinition_of_enumerator:
  case diag::err_param_default_argument_redefinition:
  case diag::err_template_param_default_arg_redefinition:
  case diag::err_deduction_guide_redeclared:
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
    return D.getIdentifier() && !isa<CXXMethodDecl>(D) && !Function->isTemplateInstantiation() &&
           !Function->getDescribedFunctionTemplate();
  auto *Variable = dyn_cast<VarDecl>(&D);
  return isa<BindingDecl>(D) ||
         (Variable && !isa<VarTemplateSpecializationDecl>(D) && !Variable->getDescribedVarTemplate());
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
    if (auto *Bindings = dyn_cast<DecompositionDecl>(&D)) {
      nameBindings(*Bindings);
      return;
    }
    if (!canBeHidden(D) || !D.getIdentifier() || D.hasAttr<AsmLabelAttr>() ||
        !Owner.Hidden.count(D.getName().str()))
      return;
    std::string Label = labelOf(D);
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

  // The variable without a name that they are parts of, and those that hold them if it is a tuple.
  void nameBindings(DecompositionDecl &D) {
    ASTContext &Context = D.getASTContext();
    for (BindingDecl *Each : D.bindings()) {
      if (!Owner.Hidden.count(Each->getName().str()))
        continue;
      if (!D.hasAttr<AsmLabelAttr>())
        D.addAttr(AsmLabelAttr::CreateImplicit(Context, labelOf(*Each) + "$of"));
      if (VarDecl *Holding = Each->getHoldingVar())
        Holding->addAttr(AsmLabelAttr::CreateImplicit(Context, labelOf(*Each)));
    }
  }

  std::string labelOf(const NamedDecl &D) const {
    return D.getName().str() + "$" + std::to_string(Owner.Generation);
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

// What of the input is to be left out, since it repeats what an earlier one has; nothing: it differs.
std::optional<Range> Redefinition::repeated(const Clash &Of) const {
  const SourceManager &Sources = Instance->getSourceManager();
  const LangOptions &Options = Instance->getLangOpts();
  StringRef Texts[2];
  std::optional<Range> Found[2];
  SourceLocation Places[] = {Sources.getFileLoc(SourceLocation::getFromRawEncoding(Of.New)),
                             Sources.getFileLoc(SourceLocation::getFromRawEncoding(Of.Old))};
  if (Places[1].isInvalid() || Sources.getFileID(Places[0]) == Sources.getFileID(Places[1]) ||
      !Sources.getBufferName(Places[0]).starts_with("input_line_"))
    return std::nullopt;
  for (int I : {0, 1}) {
    StringRef Text = Sources.getBufferData(Sources.getFileID(Places[I]));
    Found[I] = declarationAt(Options, Text, Sources.getFileOffset(Places[I]));
    if (!Found[I])
      return std::nullopt;
    Texts[I] = Text.slice(Found[I]->first, Found[I]->second);
  }
  if (!haveSameTokens(Options, Texts[0], Texts[1]))
    return std::nullopt;
  if (auto Within = definitionWithin(Options, Texts[0]))
    return Range(Found[0]->first + Within->first, Found[0]->first + Within->second);
  return Found[0];
}

json::Object Redefinition::wanted() {
  const SourceManager &Sources = Instance->getSourceManager();
  TranslationUnitDecl *Unit = Instance->getASTContext().getTranslationUnitDecl();
  auto OffsetOf = [&](const Clash &Each) {
    return Sources.getFileOffset(Sources.getFileLoc(SourceLocation::getFromRawEncoding(Each.New)));
  };
  // Declarations by their places. A template's place is that of what it declares.
  json::Array Hide, Drop;
  std::vector<size_t> Hidden;
  std::vector<const Clash *> Left;
  for (const Clash &Each : Clashes) {
    NamedDecl *New = nullptr;
    forTopLevel(*Unit, [&](NamedDecl &D) {
      if (D.getLocation().getRawEncoding() == Each.New)
        New = &D;
    });
    NamedDecl *Old = find(Each.Name, Each.Old, New);
    // A variable takes a name that only C's library has.
    bool IsLibrary = Old && isa<FunctionDecl>(Old) && !Old->getDeclContext()->isTranslationUnit() &&
                     Sources.isInSystemHeader(Old->getLocation()) && isa_and_nonnull<VarDecl>(New);
    if (!Old || (!canBeHidden(*Old) && !IsLibrary)) {
      Left.push_back(&Each);
      continue;
    }
    Hidden.push_back(OffsetOf(Each));
    Hide.push_back(json::Object{{"name", Each.Name}, {"at", static_cast<int64_t>(Each.Old)}});
  }
  for (const Clash *Each : Left) {
    auto Found = repeated(*Each);
    // What else is said of a function, as of its default arguments, ends when the old one is hidden.
    auto IsIn = [&](size_t At) { return Found->first <= At && At < Found->second; };
    if (Found && llvm::none_of(Hidden, IsIn))
      Drop.push_back(json::Array{static_cast<int64_t>(Found->first), static_cast<int64_t>(Found->second)});
  }
  return json::Object{{"hide", std::move(Hide)}, {"drop", std::move(Drop)}};
}

} // namespace halo
