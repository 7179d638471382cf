// halo-interpreter: compiles what a front sends and has it run in an executor.
//
// In: a connection to the front (Front.h), one to an executor, flags for clang. Out: an answer to
// every request. One thread, so that it can be frozen (halo/keeper.h): the process that is started is the
// keeper, and loads nothing of LLVM. Started by halojit.repl; not for hand.
#include "Conversation.h"
#include "Headers.h"
#include "Pragmas.h"

#include "clang/Frontend/MultiplexConsumer.h"
#include "llvm/Object/Archive.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"

extern "C" {
#include "halo/keeper.h"
}

using namespace llvm;

namespace {

cl::opt<int> Control("keep", cl::init(-1), cl::desc("socket of the keeper's orders"));
cl::opt<std::string> Headers("headers", cl::desc("the header cache"));
cl::opt<std::string> Code("code", cl::desc("the library with the header cache's code"));
cl::opt<std::string> WriteHeaders("write-headers", cl::desc("only write the header cache, of this header"));
cl::list<std::string> LibraryPaths("library-path", cl::desc("where libraries are looked for first"));
cl::opt<bool> NoAutoload("no-autoload", cl::desc("load no library that is not asked for"));
cl::opt<std::string> OrcRuntime("orc-runtime", cl::init(HALO_ORC_RUNTIME), cl::desc("LLVM's liborc_rt"));
cl::opt<std::string> Support("support", cl::desc("halo-support.o"));
cl::list<std::string> Shows("show", cl::desc("show.h and what comes after it"));
cl::list<std::string> Flags(cl::Positional, cl::desc("-- flags for clang"));

// Handlers run among the destructors of what is static, the last first: the ORC runtime's own atexit
// keeps them apart.
constexpr const char *AtExit = R"(
#ifdef __cplusplus
extern "C" {
#endif
extern void *__dso_handle;
int __cxa_atexit(void (*)(void *), void *, void *);
int __halo_atexit(void (*run)(void)) __asm__("atexit");
int __halo_atexit(void (*run)(void)) { return __cxa_atexit((void (*)(void *))run, 0, &__dso_handle); }
#ifdef __cplusplus
}
#endif
)";

Error runOwn(halo::Engine &Engine, halo::Compiler &Compiler, StringRef Source) {
  std::unique_ptr<Module> M = Compiler.compile(Source);
  if (!M)
    return createStringError(Compiler.takeDiagnostics());
  auto Code = Engine.emit(*M);
  return Code ? Engine.run(std::move(*Code)) : Code.takeError();
}

// What is there before the first input.
Error furnish(halo::Engine &Engine, halo::Compiler &Compiler) {
  std::string Includes;
  for (const std::string &Each : Shows)
    Includes += "#include \"" + Each + "\"\n";
  if (Error E = runOwn(Engine, Compiler, Includes + AtExit))
    return E;
  if (!Code.empty())
    if (Error E = Engine.accompany(Code))
      return E;
  // What the cached <iostream> would have begun.
  if (!Headers.empty())
    return runOwn(Engine, Compiler, "namespace __halo { static std::ios_base::Init streams; }");
  return Error::success();
}

// Not by destructors: they wait for the executor.
[[noreturn]] void end(Error Why) {
  if (!Why)
    std::_Exit(0);
  errs() << "halo-interpreter: " << toString(std::move(Why)) << '\n';
  std::_Exit(1);
}

Error checkRuntime() {
  auto Buffer = MemoryBuffer::getFile(OrcRuntime);
  if (!Buffer)
    return errorCodeToError(Buffer.getError());
  return object::Archive::create((*Buffer)->getMemBufferRef()).takeError();
}

Error converse(int FrontDescriptor, int ExecutorDescriptor) {
  halo::Front Front(FrontDescriptor);
  if (Error E = checkRuntime()) // LLVM would wait for the executor for ever
    return Front.send(json::Object{{"failed", OrcRuntime + ": " + toString(std::move(E))}});
  auto Engine = halo::Engine::create(ExecutorDescriptor, OrcRuntime, Support);
  if (!Engine)
    return Engine.takeError();
  halo::Values Values;
  halo::Redefinition Again;
  std::vector<std::unique_ptr<clang::ASTConsumer>> Consumers;
  Consumers.push_back(Values.consumer());
  Consumers.push_back(Again.consumer());
  std::vector<std::string> All(Flags.begin(), Flags.end());
  if (!Headers.empty())
    All.insert(All.end(), {"-include-pch", Headers});
  auto Compiler = halo::Compiler::create((*Engine)->triple(), All,
                                         std::make_unique<clang::MultiplexConsumer>(std::move(Consumers)));
  if (!Compiler)
    return Front.send(json::Object{{"failed", toString(Compiler.takeError())}});
  Values.attach((*Compiler)->instance());
  Again.attach((*Compiler)->instance());
  halo::Libraries Libraries(**Engine, {LibraryPaths.begin(), LibraryPaths.end()});
  halo::attachPragmas((*Compiler)->instance(), Libraries);
  halo::Conversation Talk(Front, **Engine, **Compiler, Values, Again, Libraries, !Headers.empty());
  Error Lacking = Values.serve(**Engine);
  if (!Lacking)
    Lacking = furnish(**Engine, **Compiler);
  if (!Lacking)
    Lacking = Talk.prepare();
  if (!Lacking && !NoAutoload) // after all that is there already
    Lacking = Libraries.automate();
  if (Lacking && (*Engine)->channel().isBroken()) // how the executor ended is its keeper's to tell
    return Lacking;
  if (Lacking)
    return Front.send(
        json::Object{{"failed", "the session's own code does not run: " + toString(std::move(Lacking))}});
  (*Compiler)->begin();
  if (Error E = Front.send(json::Object{{"ready", (*Engine)->triple().str()},
                                        {"diagnostics", (*Compiler)->takeDiagnostics()}}))
    return E;
  end(Talk.hold());
}

int live(void *, const int *Descriptors, size_t Count) {
  InitializeNativeTarget();
  InitializeNativeTargetAsmPrinter();
  InitializeNativeTargetAsmParser();
  end(Count == 2 ? converse(Descriptors[0], Descriptors[1]) : createStringError("expected two connections"));
}

} // namespace

int main(int Count, char **Arguments) {
  cl::ParseCommandLineOptions(Count, Arguments, "halo-interpreter: the compiler behind halo-repl\n");
  if (!WriteHeaders.empty()) {
    InitializeNativeTarget();
    Triple Local(sys::getProcessTriple()); // as executors name it
    Local.setVendor(Triple::UnknownVendor);
    Error E = halo::writeHeaders(Local, {Flags.begin(), Flags.end()}, WriteHeaders, Headers);
    if (!E)
      return 0;
    errs() << "halo-interpreter: " << toString(std::move(E)) << '\n';
    return 1;
  }
  if (int Status = halo_keeper_run(Control, live, nullptr)) {
    errs() << "halo-interpreter: the keeper cannot begin: error " << -Status << '\n';
    return 1;
  }
  return 0;
}
