#include "Compiler.h"

#include "clang/AST/ASTConsumer.h"
#include "clang/AST/ASTContext.h"
#include "clang/AST/DeclCXX.h"
#include "clang/Basic/DiagnosticSema.h"
#include "clang/Frontend/CompilerInstance.h"
#include "clang/Frontend/MultiplexConsumer.h"
#include "clang/Frontend/TextDiagnosticPrinter.h"
#include "clang/Lex/Preprocessor.h"
#include "llvm/Support/MemoryBuffer.h"

#include <sys/mman.h>
#include <unistd.h>

using namespace llvm;

namespace halo {
namespace {

class Printer final : public clang::TextDiagnosticPrinter {
public:
  Printer(raw_ostream &To, clang::DiagnosticOptions &Options, const std::function<void()> &GaveUp)
      : TextDiagnosticPrinter(To, Options), GaveUp(GaveUp) {}
  void HandleDiagnostic(clang::DiagnosticsEngine::Level Level, const clang::Diagnostic &Info) override {
    TextDiagnosticPrinter::HandleDiagnostic(Level, Info);
    if (Info.getID() == clang::diag::fatal_too_many_errors && GaveUp)
      GaveUp();
  }

private:
  const std::function<void()> &GaveUp;
};

class OpenInterpreter final : public clang::Interpreter {
public:
  OpenInterpreter(std::unique_ptr<clang::CompilerInstance> Instance, Error &Failure,
                  std::unique_ptr<clang::ASTConsumer> Consumer)
      : Interpreter(std::move(Instance), Failure, nullptr, std::move(Consumer)) {}
};

// After an error clang goes through the names of what an input has declared, and crashes over those of
// directives, `using namespace` and what an unnamed namespace brings along. They stay in effect without
// being listed.
class Directives final : public clang::ASTConsumer {
public:
  bool HandleTopLevelDecl(clang::DeclGroupRef Group) override {
    for (clang::Decl *Each : Group)
      if (auto *Space = dyn_cast<clang::NamespaceDecl>(Each); Space && Space->isAnonymousNamespace()) {
        for (clang::UsingDirectiveDecl *Directive : Space->getDeclContext()->using_directives())
          if (Directive->isImplicit() && Directive->getNominatedNamespace() == Space->getFirstDecl())
            unlist(*Directive);
      } else if (auto *Directive = dyn_cast<clang::UsingDirectiveDecl>(Each)) {
        unlist(*Directive);
      }
    return true;
  }

private:
  static void unlist(clang::UsingDirectiveDecl &Each) {
    clang::DeclContext *In = Each.getDeclContext();
    if (!In->isTranslationUnit() || !In->containsDecl(&Each))
      return;
    In->removeDecl(&Each);
    In->makeDeclVisibleInContext(&Each);
  }
};

// clang begins another translation unit with each input, and with that another unnamed namespace.
void shareUnnamedNamespace(clang::CompilerInstance &Of) {
  auto Share = [&Context = Of.getASTContext(),
                Last = static_cast<clang::TranslationUnitDecl *>(nullptr)](const clang::Token &) mutable {
    clang::TranslationUnitDecl *Now = Context.getTranslationUnitDecl();
    if (Now == Last)
      return;
    if (Last && !Now->getAnonymousNamespace())
      Now->setAnonymousNamespace(Last->getAnonymousNamespace());
    Last = Now;
  };
  Of.getPreprocessor().setTokenWatcher(Share); // nothing else of clang's tells of an input's begin
}

// clang's driver says what it has to say of flags on standard error, where nobody sees it.
class ErrorsOfDriver {
public:
  ErrorsOfDriver() : Said(memfd_create("driver", MFD_CLOEXEC)), Before(dup(STDERR_FILENO)) {
    if (Said >= 0 && Before >= 0)
      dup2(Said, STDERR_FILENO);
  }
  ~ErrorsOfDriver() {
    if (Before >= 0) {
      dup2(Before, STDERR_FILENO);
      close(Before);
    }
    if (Said >= 0)
      close(Said);
  }

  std::string take() {
    auto Text = MemoryBuffer::getOpenFile(sys::fs::convertFDToNativeFile(Said), "driver", /*FileSize=*/-1);
    return Text ? (*Text)->getBuffer().str() : "";
  }

private:
  int Said, Before;
};

// It has no part in what LLVM does with code.
bool isPlain(StringRef Flag) {
  static constexpr const char *Plain[] = {"-D", "-I", "-U", "-W", "-i", "-std", "-x", "-w", "-O0", "-march="};
  return !Flag.starts_with("-") ||
         llvm::any_of(Plain, [&](const char *Each) { return Flag.starts_with(Each); });
}

} // namespace

static Expected<std::unique_ptr<clang::CompilerInstance>> create(clang::IncrementalCompilerBuilder &Builder) {
  ErrorsOfDriver Errors;
  auto Made = Builder.CreateCpp();
  std::string Said = Errors.take();
  if (!Made)
    return createStringError(Said + toString(Made.takeError()));
  if (StringRef(Said).contains("error: "))
    return createStringError(Said);
  return Made;
}

// That inputs can be for it.
static Error check(clang::CompilerInstance &Made, const Triple &Executor) {
  for (const clang::FrontendInputFile &Each : Made.getFrontendOpts().Inputs)
    if (Each.getFile() != "<<< inputs >>>")
      return createStringError("a flag names a file, " + Each.getFile() +
                               ": inputs can #include it, %load runs it");
  const clang::LangOptions &Language = Made.getLangOpts();
  if (Language.CPlusPlus && !Language.CPlusPlus17)
    return createStringError("inputs are C++17 or later, or C: expected -std=c++17, c++20, c++23 or -xc");
  const std::string &Wanted = Made.getTargetOpts().Triple;
  if (Triple(Wanted).getArch() != Executor.getArch())
    return createStringError("inputs would be for " + Wanted + ", and the executor is " + Executor.str());
  return Error::success();
}

Expected<std::unique_ptr<clang::CompilerInstance>>
Compiler::instanceFor(const Triple &Triple, const std::vector<std::string> &Flags) {
  std::vector<const char *> Arguments = {"-resource-dir",   HALO_CLANG_RESOURCES, "-fPIC",
                                         "-femulated-tls",  "-gline-tables-only", "-Wno-unused-value",
                                         "-Wno-pragma-pack"};
  for (const std::string &Flag : Flags)
    Arguments.push_back(Flag.c_str());
  clang::IncrementalCompilerBuilder Builder;
  Builder.SetTargetTriple(Triple.str());
  Builder.SetCompilerArgs(Arguments);
  auto Made = halo::create(Builder);
  if (!Made)
    return Made;
  if (Error E = check(**Made, Triple))
    return E;
  // Whatever the user's flags say: Modules knows initializers by their lines, and crashes are told with them.
  if (clang::CodeGenOptions &Options = (*Made)->getCodeGenOpts();
      Options.getDebugInfo() == codegenoptions::NoDebugInfo)
    Options.setDebugInfo(codegenoptions::DebugLineTablesOnly);
  return Made;
}

Expected<std::unique_ptr<Compiler>> Compiler::create(const Triple &Triple,
                                                     const std::vector<std::string> &Flags,
                                                     std::unique_ptr<clang::ASTConsumer> Consumer) {
  std::unique_ptr<Compiler> Self(new Compiler(!llvm::all_of(Flags, isPlain)));
  auto Instance = instanceFor(Triple, Flags);
  if (!Instance)
    return Instance.takeError();
  (*Instance)->setVerboseOutputStream(nulls()); // how many errors there were
  clang::DiagnosticsEngine &Diagnostics = (*Instance)->getDiagnostics();
  Diagnostics.setClient(new Printer(Self->Text, (*Instance)->getDiagnosticOpts(), Self->GaveUp),
                        /*ShouldOwnClient=*/true);

  // Code is made by the last consumer alone.
  (*Instance)->getFrontendOpts().ProgramAction = clang::frontend::ParseSyntaxOnly;
  std::vector<std::unique_ptr<clang::ASTConsumer>> Consumers;
  Consumers.push_back(std::make_unique<Directives>());
  Consumers.push_back(std::move(Consumer));
  Consumers.push_back(Self->Made.consumer(**Instance));
  Error Failure = Error::success();
  Self->Session = std::make_unique<OpenInterpreter>(
      std::move(*Instance), Failure, std::make_unique<clang::MultiplexConsumer>(std::move(Consumers)));
  // clang says of a header that it cannot read only that there was an error, to nobody.
  if (Failure || Diagnostics.hasErrorOccurred()) {
    std::string Why = toString(std::move(Failure));
    return createStringError(Self->takeDiagnostics() + Why);
  }
  shareUnnamedNamespace(*Self->Session->getCompilerInstance());
  Self->Made.begin();
  return Self;
}

Compiler::~Compiler() = default;

std::string Compiler::nameOf(StringRef File) const {
  StringRef Rest = File;
  unsigned Number;
  if (!Rest.consume_front("input_line_") || Rest.consumeInteger(10, Number) || Number < Own)
    return File.str();
  return ("input " + Twine(Number - Own + 1) + Rest).str();
}

StringRef Compiler::fileOf(clang::SourceLocation At) {
  const clang::SourceManager &Sources = instance().getSourceManager();
  return Sources.getBufferName(Sources.getFileLoc(At));
}

// An input is a file that clang includes into one of its own; nobody else needs to know.
std::string Compiler::takeDiagnostics() {
  std::string Clean;
  StringRef Line, Rest = Said, AtEnd;
  while (!Rest.empty()) {
    std::tie(Line, Rest) = Rest.split('\n');
    if (Line.contains("In file included from <<< inputs >>>:"))
      continue;
    if (Line.consume_front("<<< inputs >>>:1:1: ")) { // where all inputs have ended
      if (Line == AtEnd)
        continue; // clang says it again and again
      AtEnd = Line;
      Clean += ("at the end of the input: " + Line).str();
    } else if (size_t At = Line.find("input_line_"); At != StringRef::npos)
      Clean += Line.take_front(At).str() + nameOf(Line.drop_front(At));
    else
      Clean += Line;
    Clean += '\n';
  }
  Said.clear();
  return Clean;
}

// At the beginning of an input clang takes a sign for that of a method in Objective-C.
static bool beginsWithSign(StringRef Source) {
  StringRef Text = Source.ltrim();
  return !Text.empty() && (Text[0] == '-' || Text[0] == '+') && !Text.starts_with("--") &&
         !Text.starts_with("++");
}

std::unique_ptr<Module> Compiler::compile(StringRef Source) {
  ++Count;
  auto Unit = Session->Parse(beginsWithSign(Source) ? "(void)0,\n#line 1\n" + Source.str() : Source.str());
  if (!Unit) { // "Parsing failed.": the diagnostics say why
    std::string Why = toString(Unit.takeError());
    if (Said.empty())
      Said = Why;
    return nullptr;
  }
  if (instance().getASTContext().getCurrentNamedModule()) { // nothing after it could be linked
    Said += "error: an input cannot declare a module\n";
    return nullptr;
  }
  return Made.take();
}

} // namespace halo
