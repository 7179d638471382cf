#include "Values.h"

#include "Layout.h"

#include "clang/AST/DeclCXX.h"
#include "clang/AST/DeclTemplate.h"
#include "clang/AST/ExprCXX.h"
#include "clang/Sema/Lookup.h"
#include "clang/Sema/Sema.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"

using namespace llvm;
using namespace clang;

namespace halo {

// Sees each declaration before code is made of it.
class Values::Rewriter final : public ASTConsumer {
public:
  explicit Rewriter(Values &Owner) : Owner(Owner) {}

  bool HandleTopLevelDecl(DeclGroupRef Group) override {
    if (!Owner.Instance || Owner.Instance->getDiagnostics().hasErrorOccurred())
      return true;
    for (Decl *Each : Group)
      if (auto *Top = dyn_cast<TopLevelStmtDecl>(Each)) {
        for (Decl *Local : Top->decls())
          giveName(*Local);
      } else { // instantiated in the middle of a statement
        for (DeclContext *In = Each->getDeclContext(); In; In = In->getParent())
          giveName(*Decl::castFromDeclContext(In));
      }
    for (Decl *Each : Group)
      if (auto *Top = dyn_cast<TopLevelStmtDecl>(Each); Top && Top->isSemiMissing())
        if (auto *Value = dyn_cast_or_null<Expr>(Top->getStmt()))
          if (Expr *Shown = Owner.rewrite(*Top, *Value))
            Top->setStmt(Shown);
    return true;
  }

private:
  // clang 22 has no symbols for what is local to a statement outside of functions (lambdas, classes,
  // static variables), and crashes. So it is made local to a namespace that no other statement has.
  void giveName(Decl &D) {
    auto *Variable = dyn_cast<VarDecl>(&D);
    if (!isa<TagDecl>(D) && !(Variable && Variable->isStaticLocal()))
      return;
    auto *Top = dyn_cast<TopLevelStmtDecl>(D.getDeclContext());
    if (!Top)
      return;
    NamespaceDecl *&Own = Spaces[Top];
    ASTContext &Context = D.getASTContext();
    if (!Own)
      Own = NamespaceDecl::Create(
          Context, Context.getTranslationUnitDecl(), /*Inline=*/false, SourceLocation(), SourceLocation(),
          &Context.Idents.get("__statement_" + std::to_string(Statements++)), nullptr, /*Nested=*/false);
    D.setDeclContext(Own);
  }

  llvm::DenseMap<TopLevelStmtDecl *, NamespaceDecl *> Spaces;
  unsigned Statements = 0;
  Values &Owner;
};

std::unique_ptr<ASTConsumer> Values::consumer() { return std::make_unique<Rewriter>(*this); }

// E becomes __halo_value(number, E), or __halo_show(number, &E) in C; null: it stays as it is.
Expr *Values::rewrite(TopLevelStmtDecl &In, Expr &Whole) {
  Sema &S = Instance->getSema();
  Sema::ContextRAII Scope(S, &In); // a compound literal is no constant there
  ASTContext &Context = S.getASTContext();
  SourceLocation At = Whole.getBeginLoc();
  Expr *Value = &Whole;
  if (auto *Full = dyn_cast<ExprWithCleanups>(Value))
    Value = Full->getSubExpr();
  QualType Type = Value->getType();
  if (Type->isVoidType() || Type->isDependentType() || Type->isPlaceholderType())
    return nullptr;
  bool IsCPlusPlus = S.getLangOpts().CPlusPlus;
  if (Value->isGLValue() && (Value->refersToBitField() || Value->refersToVectorElement())) {
    ExprResult Loaded = S.DefaultLvalueConversion(Value);
    if (Loaded.isInvalid())
      return nullptr;
    Value = Loaded.get();
  }
  if (!IsCPlusPlus) {
    ExprResult Address = Value->isLValue() ? S.CreateBuiltinUnaryOp(At, UO_AddrOf, Value) : temporary(*Value);
    if (Address.isInvalid())
      return nullptr;
    Value = Address.get();
  }
  LookupResult Found(S, &Context.Idents.get(IsCPlusPlus ? "__halo_value" : "__halo_show"), At,
                     Sema::LookupOrdinaryName);
  if (!S.LookupQualifiedName(Found, Context.getTranslationUnitDecl()->getFirstDecl()))
    return nullptr;
  ExprResult Function = S.BuildDeclarationNameExpr(CXXScopeSpec(), Found, /*NeedsADL=*/false);
  if (Function.isInvalid())
    return nullptr;
  Expr *Number =
      IntegerLiteral::Create(Context, APInt(Context.getIntWidth(Context.UnsignedLongLongTy), Types.size()),
                             Context.UnsignedLongLongTy, At);
  Types.push_back(Type);
  Expr *Arguments[] = {Number, Value};
  ExprResult Call = S.ActOnCallExpr(/*Scope=*/nullptr, Function.get(), At, Arguments, Whole.getEndLoc());
  if (Call.isInvalid())
    return nullptr;
  Call = S.ActOnFinishFullExpr(Call.get(), /*DiscardedValue=*/false);
  return Call.isInvalid() ? nullptr : Call.get();
}

// C has no references to temporaries; it has compound literals: (T[1]){E}.
ExprResult Values::temporary(Expr &Value) {
  Sema &S = Instance->getSema();
  ASTContext &Context = S.getASTContext();
  SourceLocation At = Value.getBeginLoc();
  QualType Array = Context.getConstantArrayType(Value.getType().getUnqualifiedType(), APInt(64, 1), nullptr,
                                                ArraySizeModifier::Normal, 0);
  Expr *Elements[] = {&Value};
  ExprResult List = S.ActOnInitList(At, Elements, At);
  if (List.isInvalid())
    return List;
  return S.BuildCompoundLiteralExpr(At, Context.getTrivialTypeSourceInfo(Array, At), At, List.get());
}

Error Values::serve(Engine &E) {
  Machine = &E;
  if (Error Failure =
          E.serve("__halo_plain_tag", [this](ArrayRef<char> Message) { return showPlain(Message); }))
    return Failure;
  return E.serve("__halo_show_tag", [this](ArrayRef<char> Message) { return show(Message); });
}

// u64 number, u64 address, then text if the executor has made it itself.
std::string Values::show(ArrayRef<char> Message) {
  if (Message.size() < 16)
    return {};
  uint64_t Number = support::endian::read64le(Message.data());
  uint64_t At = support::endian::read64le(Message.data() + 8);
  StringRef Text(Message.data() + 16, Message.size() - 16);
  if (Number >= Types.size())
    return {};
  Layout Show(Instance->getASTContext(), *Machine);
  Last = Shown{Show.name(Types[Number]), Text.empty() ? Show.show(Types[Number], At) : Text.str()};
  return {};
}

// Of every type whose name was asked for there is a specialization of __halo::name_of.
void Values::learnNames() {
  Sema &S = Instance->getSema();
  ASTContext &Context = S.getASTContext();
  TranslationUnitDecl *Unit = Context.getTranslationUnitDecl()->getFirstDecl();
  for (NamedDecl *Space : Unit->lookup(&Context.Idents.get("__halo")))
    if (auto *Inside = dyn_cast<NamespaceDecl>(Space))
      for (NamedDecl *Each : Inside->lookup(&Context.Idents.get("name_of")))
        if (auto *Template = dyn_cast<FunctionTemplateDecl>(Each))
          for (FunctionDecl *Made : Template->specializations())
            Named.try_emplace(PredefinedExpr::ComputeName(PredefinedIdentKind::PrettyFunction, Made),
                              Made->getTemplateSpecializationArgs()->get(0).getAsType());
}

// u64 address, then the type's name.
std::string Values::showPlain(ArrayRef<char> Message) {
  if (Message.size() < 8)
    return {};
  uint64_t At = support::endian::read64le(Message.data());
  std::string Name(Message.data() + 8, Message.size() - 8);
  if (!Named.count(Name))
    learnNames();
  auto Type = Named.find(Name);
  if (Type == Named.end())
    return "@0x" + utohexstr(At, true);
  return Layout(Instance->getASTContext(), *Machine).show(Type->second, At);
}

std::optional<Values::Shown> Values::take() { return std::exchange(Last, std::nullopt); }

} // namespace halo
