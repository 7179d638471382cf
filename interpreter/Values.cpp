#include "Values.h"

#include "Node.h"

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

static bool isOfLibrary(const Decl &D) {
  for (const DeclContext *In = D.getDeclContext(); In; In = In->getParent())
    if (auto *Space = dyn_cast<NamespaceDecl>(In))
      if (Space->getName() == "std" || Space->getName() == "__gnu_cxx")
        return true;
  return false;
}

// Sees each declaration before code is made of it.
class Values::Rewriter final : public ASTConsumer {
public:
  explicit Rewriter(Values &Owner) : Owner(Owner) {}

  bool HandleTopLevelDecl(DeclGroupRef Group) override {
    if (!Owner.Instance || Owner.Instance->getDiagnostics().hasErrorOccurred())
      return true;
    for (Decl *Each : Group)
      if (isOfInput(*Each)) {
        ++Owner.Declared;
        if (isHook(*Each))
          Owner.learnHook();
      }
    nameLocals();
    for (Decl *Each : Group)
      if (auto *Top = dyn_cast<TopLevelStmtDecl>(Each); Top && Top->isSemiMissing())
        if (auto *Value = dyn_cast_or_null<Expr>(Top->getStmt()))
          if (Expr *Shown = Owner.rewrite(*Top, *Value))
            Top->setStmt(Shown);
    return true;
  }

  void HandleCXXStaticMemberVarInstantiation(VarDecl *) override { nameLocals(); }

private:
  // clang brings instances of templates, and what it reads of a cached header, too.
  static bool isOfInput(const Decl &D) {
    auto *Function = dyn_cast<FunctionDecl>(&D);
    return !D.isFromASTFile() && !(Function && Function->isTemplateInstantiation()) &&
           !isa<VarTemplateSpecializationDecl, ClassTemplateSpecializationDecl>(D);
  }

  // By which values of some class are shown from now on.
  static bool isHook(const Decl &D) {
    if (isa<NamespaceDecl, LinkageSpecDecl>(D))
      return llvm::any_of(cast<DeclContext>(&D)->decls(), [](const Decl *Each) { return isHook(*Each); });
    auto *Named = isa<UsingDecl>(D) ? cast<NamedDecl>(&D) : D.getAsFunction();
    if (!Named || isOfLibrary(D))
      return false;
    const IdentifierInfo *Name = Named->getIdentifier();
    return Name ? Name->isStr("halo_show") || Name->isStr("halo_display")
                : Named->getDeclName().getCXXOverloadedOperator() == OO_LessLess;
  }

  // clang 22 has no symbols for what is local to a statement outside of functions (lambdas, classes,
  // static variables), and crashes. So it is made local to a namespace that no other statement has, before
  // code is made of anything: templates are instantiated with it in the middle of the statement.
  void nameLocals() {
    TranslationUnitDecl *Unit = Owner.Instance->getASTContext().getTranslationUnitDecl();
    if (Unit != InUnit) {
      InUnit = Unit;
      Seen = nullptr;
      Statement = nullptr;
    }
    auto Next = [&]() -> Decl * {
      if (Seen)
        return Seen->getNextDeclInContext();
      DeclContext::decl_range All = Unit->noload_decls();
      return All.empty() ? nullptr : *All.begin();
    };
    while (Decl *Each = Next()) {
      Seen = Each;
      nameLocals(Statement); // it has ended
      Statement = dyn_cast<TopLevelStmtDecl>(Seen);
    }
    nameLocals(Statement);
  }

  void nameLocals(TopLevelStmtDecl *In) {
    if (In)
      for (Decl *Local : In->decls())
        giveName(*Local);
  }

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
  TranslationUnitDecl *InUnit = nullptr; // of the input
  Decl *Seen = nullptr;                  // the last one there
  TopLevelStmtDecl *Statement = nullptr; // that it is
  unsigned Statements = 0;
  Values &Owner;
};

std::unique_ptr<ASTConsumer> Values::consumer() { return std::make_unique<Rewriter>(*this); }

void Values::learnHook() {
  if (Types.empty()) // nothing has been shown yet
    return;
  ++Hooks;
  Showers.clear();
  Givers.clear();
}

// Whether it has to do with a class of the user's, which hooks may be for.
static bool isOwn(QualType Of) {
  Of = Of.getNonReferenceType().getCanonicalType();
  const CXXRecordDecl *Class = Of->getBaseElementTypeUnsafe()->getAsCXXRecordDecl();
  if (!Class || !isOfLibrary(*Class))
    return Class;
  auto IsOwn = [](const TemplateArgument &Each) {
    return Each.getKind() == TemplateArgument::Type && isOwn(Each.getAsType());
  };
  auto *Made = dyn_cast<ClassTemplateSpecializationDecl>(Class);
  return Made && llvm::any_of(Made->getTemplateArgs().asArray(), [&](const TemplateArgument &Each) {
           return Each.getKind() == TemplateArgument::Pack ? llvm::any_of(Each.pack_elements(), IsOwn)
                                                           : IsOwn(Each);
         });
}

// E becomes __halo_value(number, E, members...), or __halo_show(number, &E) in C; null: it stays as it
// is. A member is a null pointer to its type.
Expr *Values::rewrite(TopLevelStmtDecl &In, Expr &Whole) {
  Sema &S = Instance->getSema();
  Sema::ContextRAII Scope(S, &In); // a compound literal is no constant there
  ASTContext &Context = S.getASTContext();
  SourceLocation At = Whole.getBeginLoc();
  Expr *Value = &Whole;
  auto *Full = dyn_cast<ExprWithCleanups>(Value);
  if (Full)
    Value = Full->getSubExpr();
  if (auto *Decayed = dyn_cast<ImplicitCastExpr>(Value); // in C
      Decayed && Decayed->getCastKind() == CK_ArrayToPointerDecay)
    Value = Decayed->getSubExpr();
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
  IsPure = !Whole.HasSideEffects(Context);
  ExprResult Function = functionFor(Type, At);
  if (Function.isInvalid())
    return nullptr;
  Expr *Number =
      IntegerLiteral::Create(Context, APInt(Context.getIntWidth(Context.UnsignedLongLongTy), Types.size()),
                             Context.UnsignedLongLongTy, At);
  SmallVector<Expr *> Arguments = {Number, Value};
  if (IsCPlusPlus) {
    std::vector<QualType> Members;
    addMembers(Type, Members, 0, /*IsField=*/false);
    for (QualType Each : Members)
      Arguments.push_back(new (Context) ImplicitValueInitExpr(Context.getPointerType(Each)));
    if (!Members.empty())
      Told[Types.size()] = std::move(Members);
  }
  Types.push_back(Type);
  ExprResult Call = S.ActOnCallExpr(/*Scope=*/nullptr, Function.get(), At, Arguments, Whole.getEndLoc());
  if (Call.isInvalid())
    return nullptr;
  if (Full) // its temporaries end with the statement
    S.Cleanup.setExprNeedsCleanups(Full->cleanupsHaveSideEffects());
  Call = S.ActOnFinishFullExpr(Call.get(), /*DiscardedValue=*/false);
  return Call.isInvalid() ? nullptr : Call.get();
}

// What a value of this type is shown by.
ExprResult Values::functionFor(QualType Type, SourceLocation At) {
  Sema &S = Instance->getSema();
  ASTContext &Context = S.getASTContext();
  static constexpr const char *Names[] = {"__halo_value", "__halo_display", "__halo_give"};
  StringRef Name = S.getLangOpts().CPlusPlus ? Names[static_cast<int>(Wanted)] : "__halo_show";
  LookupResult Found(S, &Context.Idents.get(Name), At, Sema::LookupOrdinaryName);
  if (!S.LookupQualifiedName(Found, Context.getTranslationUnitDecl()->getFirstDecl()))
    return ExprError();
  if (!Hooks || !isOwn(Type))
    return S.BuildDeclarationNameExpr(CXXScopeSpec(), Found, /*NeedsADL=*/false);
  Expr *Count =
      IntegerLiteral::Create(Context, APInt(Context.getIntWidth(Context.IntTy), Hooks), Context.IntTy, At);
  TemplateArgumentListInfo Explicit(At, At);
  Explicit.addArgument(TemplateArgumentLoc(TemplateArgument(Count, /*IsCanonical=*/false), Count));
  return S.BuildTemplateIdExpr(CXXScopeSpec(), SourceLocation(), Found, /*RequiresADL=*/false, &Explicit);
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

// Classes that the executor shows better than their layout does, and is not told of yet: those of the
// fields of Of, of elements of containers, and so on; not the elements, which it meets by itself. Where
// a pointer leads is not shown.
void Values::addMembers(QualType Of, std::vector<QualType> &Types, unsigned Depth, bool IsField) {
  constexpr unsigned DepthLimit = 8, Limit = 32;
  Of = Of.getNonReferenceType().getCanonicalType();
  while (const clang::ArrayType *Array = Instance->getASTContext().getAsArrayType(Of)) {
    Of = Array->getElementType();
    IsField = true; // of an array's elements nobody else tells
  }
  Of = Of.getUnqualifiedType();
  const CXXRecordDecl *Class = Of->getAsCXXRecordDecl();
  if (!Class || !(Class = Class->getDefinition()) || Class->isInvalidDecl() || Class->isDependentContext() ||
      Depth > DepthLimit || Types.size() >= Limit)
    return;
  if (isOfLibrary(*Class) && Class->isEmpty()) // an allocator, a comparison: nothing is shown of it
    return;
  if (IsField) {
    if (llvm::is_contained(Types, Of))
      return;
    if (!(Wanted == Form::Node ? Givers : Showers).count(Of.getTypePtr()))
      Types.push_back(Of);
  }
  auto AddArgument = [&](const TemplateArgument &Each) {
    if (Each.getKind() == TemplateArgument::Type)
      addMembers(Each.getAsType(), Types, Depth + 1, /*IsField=*/false);
  };
  if (auto *Made = dyn_cast<ClassTemplateSpecializationDecl>(Class))
    for (const TemplateArgument &Each : Made->getTemplateArgs().asArray())
      for_each(Each.getKind() == TemplateArgument::Pack ? Each.pack_elements() : ArrayRef(Each), AddArgument);
  if (isOfLibrary(*Class) || Class->isUnion())
    return;
  for (const CXXBaseSpecifier &Base : Class->bases())
    if (const CXXRecordDecl *Parent = Base.getType()->getAsCXXRecordDecl(); Parent && !isOfLibrary(*Parent))
      for (const FieldDecl *Field : Parent->fields())
        addMembers(Field->getType(), Types, Depth + 1, /*IsField=*/true);
  for (const FieldDecl *Field : Class->fields())
    addMembers(Field->getType(), Types, Depth + 1, /*IsField=*/true);
}

Error Values::serve(Engine &E) {
  Machine = &E;
  std::pair<const char *, Engine::Handler> Handlers[] = {
      {"__halo_show_tag", [this](ArrayRef<char> Message) { return show(Message); }},
      {"__halo_bytes_tag",
       [this](ArrayRef<char> Message) {
         if (Message.size() < 16)
           return std::string();
         Machine->remember(orc::ExecutorAddr(support::endian::read64le(Message.data() + 8)),
                           Message.drop_front(16));
         std::string None = show(Message.take_front(16));
         Machine->remember({}, {});
         return None;
       }},
      {"__halo_plain_tag", [this](ArrayRef<char> Message) { return showPlain(Message, Form::Text); }},
      {"__halo_node_tag", [this](ArrayRef<char> Message) { return showPlain(Message, Form::Node); }},
      {"__halo_learn_tag", [this](ArrayRef<char> Message) { return learn(Message), std::string(); }},
      {"__halo_take_tag", [this](ArrayRef<char>) { return std::exchange(Data, {}); }},
      {"__halo_picture_tag",
       [this](ArrayRef<char> Message) {
         StringRef Both(Message.data(), Message.size());
         if (Both.size() >= 8) {
           auto MimeBytes = static_cast<size_t>(support::endian::read64le(Both.data()));
           StringRef Rest = Both.drop_front(8);
           Pictures.push_back(
               {Rest.take_front(MimeBytes).str(), Rest.drop_front(std::min(MimeBytes, Rest.size())).str()});
         }
         return std::string();
       }},
  };
  for (auto &[Name, Handler] : Handlers)
    if (Error Failure = E.serve(Name, std::move(Handler)))
      return Failure;
  return Error::success();
}

void Values::expect(Form As, std::string Bytes) {
  Wanted = As;
  Data = std::move(Bytes);
  IsPure = false;
  Declared = 0;
  Pictures.clear();
}

Layout Values::layout() {
  return Layout(Instance->getASTContext(), *Machine, [this](QualType Type, uint64_t At, unsigned Depth) {
    return member(Form::Text, Type, At, Depth);
  });
}

std::string Values::node(QualType Type, uint64_t At, unsigned Depth) {
  Nodes Encode(
      Instance->getASTContext(), *Machine, layout(),
      [this](QualType Type, uint64_t At, unsigned Depth) { return member(Form::Node, Type, At, Depth); });
  return Encode.node(Type, At, Depth);
}

std::optional<std::string> Values::member(Form As, QualType Type, uint64_t At, unsigned Depth) {
  auto &Functions = As == Form::Node ? Givers : Showers;
  auto Function = Functions.find(Type.getCanonicalType().getTypePtr());
  if (Function == Functions.end())
    return std::nullopt;
  char Message[24];
  support::endian::write64le(Message, Function->second);
  support::endian::write64le(Message + 8, At);
  support::endian::write64le(Message + 16, Depth);
  auto Answer = Machine->call("__halo_show_member", Message);
  if (!Answer) {
    consumeError(Answer.takeError());
    return std::nullopt;
  }
  return std::move(*Answer);
}

// u64 number, then functions for the types that were told along with it.
void Values::learn(ArrayRef<char> Message) {
  if (Message.size() < 8)
    return;
  auto Asked = Told.find(support::endian::read64le(Message.data()));
  if (Asked == Told.end() || Message.size() != 8 + 8 * Asked->second.size())
    return;
  for (size_t I = 0; I < Asked->second.size(); ++I)
    (Wanted == Form::Node ? Givers : Showers)[Asked->second[I].getTypePtr()] =
        support::endian::read64le(Message.data() + 8 + 8 * I);
  Told.erase(Asked);
}

// u64 number, u64 address, then text or node if the executor has made it itself. The number of what
// has been made of no trailing expression is none.
std::string Values::show(ArrayRef<char> Message) {
  if (Message.size() < 16)
    return {};
  uint64_t Number = support::endian::read64le(Message.data());
  uint64_t At = support::endian::read64le(Message.data() + 8);
  std::string Made(Message.data() + 16, Message.size() - 16);
  bool IsKnown = Number < Types.size();
  if (!IsKnown && Made.empty())
    return {};
  Layout Show = layout();
  std::string Type = IsKnown ? Show.name(Types[Number]) : "";
  if (Wanted == Form::Node)
    Last = Shown{Type, {}, Made.empty() ? node(Types[Number], At, 0) : std::move(Made), {}};
  else
    Last = Shown{
        Type, Made.empty() ? Show.show(Types[Number], At) : std::move(Made), {}, std::exchange(Pictures, {})};
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

// u64 address, u64 depth, then the type's name.
std::string Values::showPlain(ArrayRef<char> Message, Form As) {
  if (Message.size() < 16)
    return {};
  uint64_t At = support::endian::read64le(Message.data());
  auto Depth = static_cast<unsigned>(support::endian::read64le(Message.data() + 8));
  std::string Name(Message.data() + 16, Message.size() - 16);
  if (!Named.count(Name))
    learnNames();
  auto Type = Named.find(Name);
  if (Type == Named.end())
    return As == Form::Node ? Nodes::text(Name, "?") : "@0x" + utohexstr(At, true);
  return As == Form::Node ? node(Type->second, At, Depth) : layout().show(Type->second, At, Depth);
}

std::optional<Values::Shown> Values::take() { return std::exchange(Last, std::nullopt); }

} // namespace halo
