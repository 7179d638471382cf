#include "Declared.h"

#include "Copy.h"

#include "clang/AST/DeclTemplate.h"
#include "clang/AST/Mangle.h"
#include "clang/Frontend/CompilerInstance.h"

using namespace llvm;
using namespace clang;

namespace halo {
namespace {

bool isFound(const NamedDecl &D, const TranslationUnitDecl &Unit) {
  for (NamedDecl *Each : Unit.lookup(D.getDeclName()))
    for (Decl *Redeclared : Each->redecls())
      if (Redeclared == &D)
        return true;
  return false;
}

std::string typeText(QualType Type, const ASTContext &Context) {
  PrintingPolicy Policy(Context.getPrintingPolicy());
  Policy.SuppressUnwrittenScope = true;
  return Type.getAsString(Policy);
}

// Empty kind: nothing that a person has declared.
json::Object item(NamedDecl &D, ASTContext &Context) {
  json::Object Result{{"name", D.getNameAsString()}};
  auto Be = [&](const char *Kind, std::string Type) {
    Result["kind"] = Kind;
    Result["type"] = std::move(Type);
    return std::move(Result);
  };
  if (auto *Variable = dyn_cast<VarDecl>(&D))
    return Be("variable", typeText(Variable->getType(), Context));
  if (auto *Function = dyn_cast<FunctionDecl>(&D))
    return Be("function", typeText(Function->getType(), Context));
  if (auto *Template = dyn_cast<TemplateDecl>(&D))
    return Be("template", isa<FunctionTemplateDecl>(Template) ? "function"
                          : isa<ClassTemplateDecl>(Template)  ? "class"
                          : isa<ConceptDecl>(Template)        ? "concept"
                                                              : "alias");
  if (auto *Tag = dyn_cast<TagDecl>(&D))
    return Be("type", Tag->getKindName().str());
  if (auto *Alias = dyn_cast<TypedefNameDecl>(&D))
    return Be("type", typeText(Alias->getUnderlyingType(), Context));
  if (isa<NamespaceDecl, NamespaceAliasDecl>(D))
    return Be("namespace", "");
  return {};
}

void addAll(DeclContext &In, function_ref<void(NamedDecl &)> See) {
  for (Decl *Each : In.noload_decls())
    if (auto *Block = dyn_cast<LinkageSpecDecl>(Each))
      addAll(*Block, See);
    else if (auto *Named = dyn_cast<NamedDecl>(Each))
      See(*Named);
}

} // namespace

json::Object declared(Compiler &C, Engine &Machine, Values &Shown) {
  ASTContext &Context = C.instance().getASTContext();
  TranslationUnitDecl *First = Context.getTranslationUnitDecl()->getFirstDecl();
  std::vector<NamedDecl *> Found;
  std::map<std::pair<std::string, std::string>, size_t> Known; // declared once more
  json::Array Items;
  auto See = [&](NamedDecl &D) {
    if (!D.getIdentifier() || D.getName().starts_with("__halo") || D.isInvalidDecl() || D.isImplicit() ||
        !C.isUsers(D.getLocation()) || !isFound(D, *First))
      return;
    json::Object Item = item(D, Context);
    if (!Item.get("kind"))
      return;
    auto [At, IsNew] = Known.try_emplace({D.getNameAsString(), Item.getString("type").value_or("").str()}, 0);
    if (!IsNew)
      return;
    auto *Variable = dyn_cast<VarDecl>(&D);
    if (Variable && !Variable->getType()->isReferenceType() && Variable->getType()->isScalarType() &&
        Variable->getTLSKind() == VarDecl::TLS_None) {
      auto Address = Machine.lookUp(ASTNameGenerator(Context).getName(Variable));
      if (Address)
        Item["text"] = json::fixUTF8(Shown.show(Variable->getType(), Address->getValue()));
      else
        consumeError(Address.takeError());
    }
    Items.push_back(std::move(Item));
  };
  std::vector<TranslationUnitDecl *> Units;
  for (TranslationUnitDecl *Each = Context.getTranslationUnitDecl(); Each; Each = Each->getPreviousDecl())
    Units.push_back(Each);
  for (TranslationUnitDecl *Each : llvm::reverse(Units))
    addAll(*Each, See);
  return json::Object{{"declared", std::move(Items)}};
}

static json::Object typeNamed(Compiler &C, const Twine &Type, bool IsCanonical) {
  return objectInCopy([&]() -> json::Object {
    bool IsCompiled = !!C.compile(("using __halo_typed = " + Type + ";").str());
    ASTContext &Context = C.instance().getASTContext();
    if (IsCompiled)
      for (NamedDecl *D :
           Context.getTranslationUnitDecl()->getFirstDecl()->lookup(&Context.Idents.get("__halo_typed")))
        if (auto *Named = dyn_cast<TypedefNameDecl>(D)) {
          QualType Found = Named->getUnderlyingType();
          while (auto *Of = dyn_cast<DecltypeType>(Found.getTypePtr()))
            Found = Of->getUnderlyingType();
          Found = IsCanonical ? Found.getCanonicalType() : Found.getNonReferenceType();
          return json::Object{{"text", json::fixUTF8(typeText(Found, Context))}};
        }
    return json::Object{{"diagnostics", json::fixUTF8(C.takeDiagnostics())}};
  });
}

json::Object typeOf(Compiler &C, StringRef Expression) {
  json::Object Found = typeNamed(C, "decltype((\n#line 1\n" + Expression + "\n))", /*IsCanonical=*/false);
  if (Found.get("text"))
    return Found;
  json::Object Type = typeNamed(C, Expression, /*IsCanonical=*/true);
  return Type.get("text") ? std::move(Type) : std::move(Found);
}

} // namespace halo
