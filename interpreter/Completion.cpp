#include "Completion.h"

#include "Copy.h"

#include "clang/AST/ASTContext.h"
#include "clang/AST/Decl.h"
#include "clang/AST/DeclCXX.h"
#include "clang/AST/DeclLookups.h"
#include "clang/AST/DeclTemplate.h"
#include "clang/AST/RawCommentList.h"
#include "clang/Basic/CharInfo.h"
#include "clang/Basic/FileManager.h"
#include "clang/Frontend/CompilerInstance.h"
#include "clang/Lex/Preprocessor.h"
#include "clang/Sema/CodeCompleteConsumer.h"
#include "clang/Sema/Lookup.h"
#include "clang/Sema/Sema.h"
#include "clang/Sema/SemaCodeCompletion.h"

using namespace llvm;
using namespace clang;

namespace halo {
namespace {

constexpr const char *File = "/halo/completion"; // exists in memory only
constexpr size_t MostItems = 500;

CodeCompleteOptions options(bool IsRead) {
  CodeCompleteOptions Options;
  Options.LoadExternal = !IsRead;
  Options.IncludeMacros = true;
  Options.IncludeCodePatterns = true; // while, for, if: clang has them as nothing else
  return Options;
}

const char *kindOf(const CodeCompletionResult &Result, const CodeCompletionContext &Context) {
  if (Result.Kind == CodeCompletionResult::RK_Keyword)
    return "keyword";
  if (Result.Kind == CodeCompletionResult::RK_Macro)
    return "macro";
  const NamedDecl *D = Result.Declaration;
  if (!D) // a pattern
    return Context.getKind() == CodeCompletionContext::CCC_IncludedFile ? "file" : "keyword";
  D = D->getUnderlyingDecl();
  if (auto *Template = dyn_cast<FunctionTemplateDecl>(D))
    D = Template->getTemplatedDecl();
  if (isa<CXXConstructorDecl, CXXDeductionGuideDecl>(D))
    return "type";
  if (isa<FieldDecl, CXXMethodDecl>(D))
    return "member";
  if (isa<FunctionDecl>(D))
    return "function";
  if (isa<TypeDecl, ClassTemplateDecl, TypeAliasTemplateDecl>(D))
    return "type";
  if (isa<NamespaceDecl, NamespaceAliasDecl>(D))
    return "namespace";
  if (isa<EnumConstantDecl>(D))
    return "enumerator";
  return "variable";
}

class Collector final : public CodeCompleteConsumer {
public:
  // IsRead: all names with the prefix are.
  Collector(StringRef Prefix, bool IsRead)
      : CodeCompleteConsumer(options(IsRead)), Prefix(Prefix),
        Allocator(std::make_shared<GlobalCodeCompletionAllocator>()), Unit(Allocator) {}

  CodeCompletionAllocator &getAllocator() override { return *Allocator; }
  CodeCompletionTUInfo &getCodeCompletionTUInfo() override { return Unit; }

  void ProcessCodeCompleteResults(Sema &S, CodeCompletionContext Context, CodeCompletionResult *Results,
                                  unsigned Count) override {
    for (CodeCompletionResult &Each : MutableArrayRef(Results, Count)) {
      if (Each.Hidden || Each.Availability == CXAvailability_NotAccessible || !mayFit(Each))
        continue;
      CodeCompletionString *Parts =
          Each.CreateCodeCompletionString(S, Context, *Allocator, Unit, /*IncludeBriefComments=*/false);
      StringRef Typed = Parts->getTypedText();
      // Names for the implementation are for those who begin to type one.
      if (Typed.empty() || !Typed.starts_with(Prefix) || (Prefix.empty() && Typed.starts_with("_")) ||
          Typed.starts_with("__halo"))
        continue;
      unsigned Priority = isOfInput(S, Each) ? 0 : Each.Priority;
      Found.push_back({Priority, Typed.str(), kindOf(Each, Context), signature(*Parts)});
    }
  }

  json::Array items() {
    llvm::sort(Found, [](const Item &A, const Item &B) {
      return std::tie(A.Priority, A.Text) < std::tie(B.Priority, B.Text);
    });
    json::Array Items;
    std::set<std::string> Seen; // overloads are one
    for (Item &Each : Found)
      if (Items.size() < MostItems && Seen.insert(Each.Text).second)
        Items.push_back(json::Object{
            {"text", std::move(Each.Text)}, {"kind", Each.Kind}, {"signature", std::move(Each.Signature)}});
    return Items;
  }

private:
  struct Item {
    unsigned Priority;
    std::string Text;
    const char *Kind;
    std::string Signature;
  };

  // What people have declared comes first: headers have thousands of names.
  static bool isOfInput(Sema &S, const CodeCompletionResult &Result) {
    const Decl *D = Result.Kind == CodeCompletionResult::RK_Declaration ? Result.Declaration : nullptr;
    return D && !D->isFromASTFile() && D->getLocation().isValid() &&
           !S.getSourceManager().isInSystemHeader(D->getLocation());
  }

  // Without asking what the whole completion would be: there are thousands.
  bool mayFit(const CodeCompletionResult &Result) const {
    switch (Result.Kind) {
    case CodeCompletionResult::RK_Declaration: {
      const IdentifierInfo *Name = Result.Declaration->getIdentifier();
      return !Name || Name->getName().starts_with(Prefix);
    }
    case CodeCompletionResult::RK_Keyword:
      return StringRef(Result.Keyword).starts_with(Prefix);
    case CodeCompletionResult::RK_Macro:
      return Result.Macro->getName().starts_with(Prefix);
    default:
      return true;
    }
  }

  static std::string signature(const CodeCompletionString &Parts) {
    std::string Text;
    for (const CodeCompletionString::Chunk &Part : Parts)
      switch (Part.Kind) {
      case CodeCompletionString::CK_ResultType:
        Text = std::string(Part.Text) + " " + Text;
        break;
      case CodeCompletionString::CK_Optional:
        Text += signature(*Part.Optional);
        break;
      case CodeCompletionString::CK_VerticalSpace:
        break;
      default:
        Text += Part.Text;
      }
    return Text;
  }

  StringRef Prefix;
  std::shared_ptr<GlobalCodeCompletionAllocator> Allocator;
  CodeCompletionTUInfo Unit;
  std::vector<Item> Found;
};

// `More`: what else may be in it. Letters beyond ASCII are bytes beyond ASCII.
StringRef wordAtEnd(StringRef Text, StringRef More = "") {
  auto Begin = std::find_if_not(Text.rbegin(), Text.rend(), [&](char Each) {
    return isAsciiIdentifierContinue(Each) || !clang::isASCII(Each) || More.contains(Each);
  });
  return Text.take_back(static_cast<size_t>(Begin - Text.rbegin()));
}

std::string documentation(ASTContext &Context, const Decl &D) {
  const RawComment *Comment = Context.getRawCommentForAnyRedecl(&D);
  return Comment ? Comment->getFormattedText(Context.getSourceManager(), Context.getDiagnostics()) : "";
}

// As they were written, without bodies.
std::string declarations(ASTContext &Context, ArrayRef<NamedDecl *> Declared) {
  PrintingPolicy Policy(Context.getPrintingPolicy());
  Policy.TerseOutput = true;
  Policy.PolishForDeclaration = true;
  std::string Text;
  raw_string_ostream Out(Text);
  for (NamedDecl *Each : Declared) {
    std::string Whole;
    raw_string_ostream Printed(Whole);
    Each->getUnderlyingDecl()->print(Printed, Policy);
    StringRef Line = Whole;
    Line.consume_back(" {}");
    Out << Line.rtrim() << '\n';
    std::string About = documentation(Context, *Each->getUnderlyingDecl());
    for (StringRef Rest = StringRef(About).rtrim(); !Rest.empty();) {
      std::tie(Line, Rest) = Rest.split('\n');
      Out << "  " << Line << '\n';
    }
  }
  return Text;
}

// Of an expression, also of C; null: it has none.
QualType typeOfExpression(Compiler &C, const Twine &Expression) {
  if (C.compile(("typedef __typeof__((" + Expression + "\n)) __halo_described;").str())) {
    ASTContext &Context = C.instance().getASTContext();
    for (NamedDecl *D :
         Context.getTranslationUnitDecl()->getFirstDecl()->lookup(&Context.Idents.get("__halo_described")))
      if (auto *Type = dyn_cast<TypedefNameDecl>(D)) {
        QualType Found = Type->getUnderlyingType();
        while (auto *Of = dyn_cast<TypeOfExprType>(Found.getTypePtr()))
          Found = Of->desugar();
        return Found.getNonReferenceType();
      }
  }
  return {};
}

// What `expression.name` and `expression->name` name.
std::vector<NamedDecl *> membersAt(Compiler &C, StringRef Text) {
  StringRef Name = wordAtEnd(Text), Of = Text.drop_back(Name.size()).rtrim();
  bool IsPointer = Of.consume_back("->");
  if (!IsPointer && !Of.consume_back("."))
    return {};
  QualType Type = typeOfExpression(C, (IsPointer ? "*(" : "(") + Of + ")");
  Sema &S = C.instance().getSema();
  if (Type.isNull() || !Type->isRecordType() || !S.isCompleteType({}, Type))
    return {};
  LookupResult Found(S, &S.getASTContext().Idents.get(Name), {}, Sema::LookupMemberName);
  Found.suppressDiagnostics();
  S.LookupQualifiedName(Found, Type->getAsRecordDecl());
  return {Found.begin(), Found.end()};
}

// The namespaces that `a::b::` names; nothing: it names none.
std::vector<DeclContext *> namespacesAt(ASTContext &Context, StringRef Before) {
  std::vector<DeclContext *> Found;
  if (Before.consume_back("::")) {
    for (NamedDecl *Each : named(Context, wordAtEnd(Before, ":")))
      if (auto *Space = dyn_cast<NamespaceDecl>(Each->getUnderlyingDecl()))
        Found.push_back(Space->getPrimaryContext());
  }
  return Found;
}

std::vector<IdentifierInfo *> identifiers(Preprocessor &Known, StringRef Prefix) {
  std::vector<IdentifierInfo *> Found;
  for (const auto &Each : Known.getIdentifierTable())
    if (Each.getKey().starts_with(Prefix))
      Found.push_back(Each.getValue());
  if (IdentifierInfoLookup *Cache = Known.getIdentifierTable().getExternalIdentifierLookup()) {
    std::unique_ptr<IdentifierIterator> Names(Cache->getIdentifiers());
    for (StringRef Name = Names->Next(); !Name.empty(); Name = Names->Next())
      if (Name.starts_with(Prefix))
        Found.push_back(Known.getIdentifierInfo(Name));
  }
  llvm::sort(Found);
  Found.erase(llvm::unique(Found), Found.end());
  return Found;
}

// Without clang's parser, which would look at everything else in the namespace, too.
void completeIn(ArrayRef<DeclContext *> Namespaces, Sema &S, Collector &Results, StringRef Prefix) {
  std::vector<CodeCompletionResult> Found;
  for (IdentifierInfo *Name : identifiers(S.getPreprocessor(), Prefix))
    for (DeclContext *Space : Namespaces)
      for (NamedDecl *Each : Space->lookup(Name))
        if (!isa<BaseUsingDecl>(Each))
          Found.emplace_back(Each->getUnderlyingDecl(), CCP_Declaration);
  Results.ProcessCodeCompleteResults(S, CodeCompletionContext(CodeCompletionContext::CCC_Symbol),
                                     Found.data(), static_cast<unsigned>(Found.size()));
}

// Reads what has this prefix from the header cache; otherwise clang reads all names that there are, and
// the constructors of every class.
void readNames(Sema &S, StringRef Prefix) {
  TranslationUnitDecl *Unit = S.getASTContext().getTranslationUnitDecl()->getFirstDecl();
  for (IdentifierInfo *Name : identifiers(S.getPreprocessor(), Prefix)) {
    static_cast<void>(S.getPreprocessor().getMacroInfo(Name));
    static_cast<void>(Unit->lookup(Name));
    for (UsingDirectiveDecl *Each : Unit->using_directives())
      static_cast<void>(Each->getNominatedNamespace()->getPrimaryContext()->lookup(Name));
  }
}

json::Value completionsAt(Compiler &C, StringRef Text, size_t Start, StringRef Prefix, bool IsInside) {
  StringRef Head = IsInside ? "void __halo_completed() {\n" : "";
  json::Object Found = objectInCopy([&] {
    CompilerInstance &Instance = C.instance();
    StringRef Typed = Text.take_front(Start).rtrim();
    // Of members clang finds out whose they are.
    bool IsRead =
        !Prefix.empty() && !Typed.ends_with(".") && !Typed.ends_with("->") && !Typed.ends_with("::");
    auto *Results = new Collector(Prefix, IsRead);
    Instance.getDiagnostics().setClient(new IgnoringDiagConsumer, /*ShouldOwnClient=*/false);
    if (auto Namespaces = namespacesAt(Instance.getASTContext(), Typed); !Namespaces.empty()) {
      completeIn(Namespaces, Instance.getSema(), *Results, Prefix);
      return json::Object{{"items", Results->items()}};
    }
    if (IsRead)
      readNames(Instance.getSema(), Prefix);
    std::string Whole = (Head + Text + "\n").str();
    FileEntryRef Entry =
        Instance.getFileManager().getVirtualFileRef(File, static_cast<off_t>(Whole.size()), 0);
    Instance.getSourceManager().overrideFileContents(Entry, MemoryBuffer::getMemBufferCopy(Whole, File));
    Instance.getSema().CodeCompletion().CodeCompleter = Results;
    StringRef Before = StringRef(Whole).take_front(Head.size() + Start);
    unsigned Line = static_cast<unsigned>(Before.count('\n')) + 1;
    unsigned Column = static_cast<unsigned>(Before.size() - (Before.rfind('\n') + 1)) + 1;
    Instance.getPreprocessor().SetCodeCompletionPoint(Entry, Line, Column);
    C.compile("#include \"" + std::string(File) + "\"");
    return json::Object{{"items", Results->items()}};
  });
  json::Value *Items = Found.get("items");
  return Items && Items->getAsArray() ? std::move(*Items) : json::Value(json::Array());
}

} // namespace

std::vector<NamedDecl *> named(ASTContext &Context, StringRef Name) {
  const DeclContext *In = Context.getTranslationUnitDecl()->getFirstDecl();
  SmallVector<StringRef> Parts;
  Name.split(Parts, "::", -1, /*KeepEmpty=*/false);
  std::vector<NamedDecl *> Found;
  for (StringRef Part : Parts) {
    if (!In)
      return {};
    auto Here = In->lookup(&Context.Idents.get(Part));
    Found.assign(Here.begin(), Here.end());
    if (Found.empty())
      return {};
    In = dyn_cast<DeclContext>(Found.front()->getUnderlyingDecl());
    if (auto *Template = dyn_cast<ClassTemplateDecl>(Found.front()))
      In = Template->getTemplatedDecl();
    if (auto *Type = dyn_cast<TypedefNameDecl>(Found.front()->getUnderlyingDecl()))
      In = Type->getUnderlyingType()->getAsRecordDecl();
    if (In)
      In = In->getPrimaryContext();
  }
  return Found;
}

json::Object complete(Compiler &C, StringRef Text, size_t Cursor) {
  Text = Text.take_front(Cursor);
  StringRef Prefix = wordAtEnd(Text);
  size_t Start = Text.size() - Prefix.size();
  // Of an expression that is an input clang completes nothing: it is still finding out whether it
  // is a declaration. In a function it knows.
  bool IsInside = Text.count('{') == Text.count('}') && !Text.ltrim().starts_with("#");
  json::Value Items = completionsAt(C, Text, Start, Prefix, IsInside);
  if (Items.getAsArray()->empty())
    Items = completionsAt(C, Text, Start, Prefix, !IsInside);
  return json::Object{{"start", static_cast<int64_t>(Start)}, {"items", std::move(Items)}};
}

json::Object describe(Compiler &C, StringRef Name) {
  return objectInCopy([&] {
    ASTContext &Context = C.instance().getASTContext();
    std::string About = declarations(Context, named(Context, Name.trim()));
    if (About.empty()) {
      C.instance().getDiagnostics().setClient(new IgnoringDiagConsumer, /*ShouldOwnClient=*/false);
      if (QualType Type = typeOfExpression(C, Name); !Type.isNull())
        About = Type.getAsString(Context.getPrintingPolicy());
      else // of a member function, say
        About = declarations(Context, membersAt(C, Name.trim()));
    }
    return About.empty() ? json::Object() : json::Object{{"text", json::fixUTF8(About)}};
  });
}

} // namespace halo
