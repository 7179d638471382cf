// halo-interpreter: compiles what a front sends and has it run in an executor.
//
// In: a connection to the front (Front.h), one to an executor, flags for clang. Out: an answer to
// every request. One thread, so that it can be frozen (halo/keeper.h): the process that is started is the
// keeper, and loads nothing of LLVM. Started by halojit.repl; not for hand.
#include "Compiler.h"
#include "Completeness.h"
#include "Completion.h"
#include "Copy.h"
#include "Declared.h"
#include "Engine.h"
#include "Front.h"
#include "Headers.h"
#include "Libraries.h"
#include "Listing.h"
#include "Pragmas.h"
#include "Redefinition.h"
#include "Shape.h"
#include "Values.h"

#include "clang/Frontend/MultiplexConsumer.h"
#include "llvm/Demangle/Demangle.h"
#include "llvm/Object/Archive.h"
#include "llvm/Support/Base64.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"

#include <unistd.h>

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

struct Caught {
  std::string Type, What;
};

class Conversation {
public:
  Conversation(halo::Front &Front, halo::Engine &Engine, halo::Compiler &Compiler, halo::Values &Values,
               halo::Redefinition &Again, halo::Libraries &Libraries)
      : Front(Front), Engine(Engine), Compiler(Compiler), Values(Values), Again(Again), Libraries(Libraries) {
  }

  Error prepare() {
    Engine.channel().Crashed = [this](ArrayRef<char> Message) { tellCrash(Message); };
    if (Error E = Values.serve(Engine))
      return E;
    std::string Includes;
    for (const std::string &Each : Shows)
      Includes += "#include \"" + Each + "\"\n";
    if (Error E = runOwn(Includes + AtExit))
      return E;
    if (!Code.empty())
      if (Error E = Engine.accompany(Code))
        return E;
    // What the cached <iostream> would have begun.
    if (!Headers.empty())
      if (Error E = runOwn("namespace __halo { static std::ios_base::Init streams; }"))
        return E;
    Compiler.GaveUp = [this] { giveUp(); };
    return Engine.serve("__halo_caught_tag", [this](ArrayRef<char> Bytes) {
      StringRef Both(Bytes.data(), Bytes.size());
      auto [Type, What] = Both.split('\0');
      StringRef Name = Type.ltrim('*'); // of a type that other libraries do not see
      std::string Spelled = demangle(("_ZTS" + Name).str());
      StringRef Clean = Spelled;
      Clean.consume_front("typeinfo name for ");
      Exception = Caught{Clean.str(), What.rtrim('\0').str()};
      return std::string();
    });
  }

  // Until the front hangs up.
  Error hold() {
    for (;;) {
      auto Request = Front.receive();
      if (!Request)
        return Request.takeError();
      if (!*Request) {
        Engine.channel().hangUp();
        return Error::success();
      }
      if (auto Source = (*Request)->getString("run")) {
        const json::Object *Changes = (*Request)->getObject("again");
        bool IsCareful = (*Request)->getBoolean("careful").value_or(false);
        Libraries.begin((*Request)->getObject("missed"));
        expect(**Request);
        if (Error E = answer(run(*Source, Changes ? *Changes : json::Object(), IsCareful)))
          return E;
      }
      if (auto Function = (*Request)->getString("call")) {
        expect(**Request);
        if (Error E = answer(call(*Function)))
          return E;
      }
      if ((*Request)->getBoolean("declared"))
        if (Error E = Front.send(halo::declared(Compiler, Engine, Values)))
          return E;
      if (auto Expression = (*Request)->getString("type"))
        if (Error E = Front.send(halo::typeOf(Compiler, *Expression)))
          return E;
      if (auto Of = (*Request)->getString("list"))
        if (Error E =
                Front.send(halo::list(Compiler, Engine.triple(), *Of,
                                      static_cast<unsigned>((*Request)->getInteger("level").value_or(0)),
                                      (*Request)->getBoolean("ir").value_or(false))))
          return E;
      if (auto Type = (*Request)->getString("shape"))
        if (Error E = Front.send(halo::shapeOf(Compiler, *Type)))
          return E;
      if ((*Request)->get("end")) {
        Error E = Engine.end();
        json::Object Answer{{"ended", E ? toString(std::move(E)) : ""}};
        if (!Engine.channel().isBroken())
          if (Error E = Front.send(std::move(Answer)))
            return E;
      }
      if (auto Name = (*Request)->getString("load"))
        if (Error E = Front.send(load(*Name)))
          return E;
      if (auto Text = (*Request)->getString("complete"))
        if (Error E = Front.send(isComplete(*Text)))
          return E;
      if (auto Text = (*Request)->getString("completions"))
        if (Error E = Front.send(halo::complete(
                Compiler, *Text, static_cast<size_t>((*Request)->getInteger("cursor").value_or(0)))))
          return E;
      if (auto Name = (*Request)->getString("describe"))
        if (Error E = Front.send(halo::describe(Compiler, *Name)))
          return E;
      if (auto Id = (*Request)->getInteger("commit"); Id && IsGood)
        if (Error E = freeze(static_cast<uint64_t>(*Id)))
          return E;
    }
  }

private:
  Error runOwn(StringRef Source) {
    std::unique_ptr<Module> M = Compiler.compile(Source);
    return M ? Engine.run(*M) : createStringError(Compiler.takeDiagnostics());
  }

  // This process is given up for what it says here.
  [[noreturn]] void giveUp() {
    json::Object Answer = failure();
    if (halo::isCopy()) {
      std::string Line;
      raw_string_ostream(Line) << json::Value(std::move(Answer));
      halo::leaveCopy(Line);
    }
    consumeError(Front.send(std::move(Answer)));
    for (;;)
      pause();
  }

  // What an input is to show, and what it may take.
  void expect(const json::Object &Request) {
    halo::Form As = StringSwitch<halo::Form>(Request.getString("form").value_or(""))
                        .Case("display", halo::Form::Display)
                        .Case("node", halo::Form::Node)
                        .Default(halo::Form::Text);
    std::vector<char> Bytes;
    if (auto Data = Request.getString("data"))
      consumeError(decodeBase64(*Data, Bytes));
    Values.expect(As, std::string(Bytes.begin(), Bytes.end()));
    MayBePure = Request.getBoolean("look").value_or(false);
    MustBePure = Request.getBoolean("pure").value_or(false);
  }

  // This process is given up when the channel is broken. How the executor ended, if it has, is its
  // keeper's to tell.
  Error answer(json::Object Answer) {
    if (Engine.channel().isBroken())
      Answer = json::Object{{"broken", json::fixUTF8(Answer.getString("error").value_or(""))}};
    return Front.send(std::move(Answer));
  }

  // The executor first: what it has done is what we know of.
  Error freeze(uint64_t Id) {
    auto Threads = Engine.freeze(Id);
    if (!Threads)
      return Front.send(json::Object{{"unfrozen", toString(Threads.takeError())}});
    if (*Threads != 1)
      return Front.send(json::Object{{"threads", *Threads}});
    int Descriptors[HALO_KEEPER_DESCRIPTORS];
    size_t Count;
    int Status = halo_keeper_freeze(Id, nullptr, Descriptors, &Count);
    if (Status < 0)
      return Front.send(
          json::Object{{"unfrozen", "this process cannot be copied: error " + std::to_string(-Status)}});
    if (Status == 0)
      return Error::success();
    if (Count != 2)
      return createStringError("thawed without connections");
    Front.reconnect(Descriptors[0]);
    Engine.channel().reconnect(Descriptors[1]);
    return Error::success();
  }

  // What lies below an input's own functions is of no interest to who wrote it.
  void tellCrash(ArrayRef<char> Message) {
    constexpr size_t HeadBytes = 24, FrameBytes = 96, NameBytes = 88;
    json::Array Frames;
    size_t Inputs = 0; // frames up to the last of them
    for (size_t At = HeadBytes; At + FrameBytes <= Message.size(); At += FrameBytes) {
      uint64_t Address = support::endian::read64le(Message.data() + At);
      StringRef Name(Message.data() + At + 8, strnlen(Message.data() + At + 8, NameBytes));
      auto Place = Engine.places().find(Address, /*IsReturn=*/At != HeadBytes);
      if (Place && (Place->Function == "__halo_guard" || Place->Function == "halo.guarded"))
        break;
      json::Object Frame;
      std::string Function = Place ? Place->Function : Name.str();
      // Nor what a front has made for a call: `__halo_function_N` and its only lambda.
      if (StringRef(Function).starts_with("_GLOBAL__sub_I_") ||
          StringRef(Function).ends_with("$_08__invokeEv") ||
          (StringRef(Function).contains("__halo_function_") && StringRef(Function).ends_with("$_0clEv")))
        continue;
      Frame["function"] = StringRef(Function).starts_with("__stmts__") ||
                                  StringRef(Function).starts_with("__cxx_global_var_init")
                              ? "the input"
                              : demangle(Function);
      if (Function.empty())
        Frame["function"] = "0x" + utohexstr(Address, /*LowerCase=*/true);
      if (Place && !Place->File.empty()) {
        Frame["file"] = Compiler.nameOf(Place->File);
        Frame["line"] = Place->Line;
      }
      Frames.push_back(std::move(Frame));
      if (Place)
        Inputs = Frames.size();
    }
    // Nor what has called the outermost of them.
    while (Inputs && Frames.size() > Inputs)
      Frames.pop_back();
    consumeError(Front.send(json::Object{{"crash", json::Object{{"frames", std::move(Frames)}}}}));
  }

  json::Object isComplete(StringRef Text) {
    static constexpr const char *Names[] = {"complete", "incomplete", "invalid"};
    halo::Progress Found = halo::completeness(Compiler, Text);
    return json::Object{{"state", Names[static_cast<int>(Found.State)]}, {"depth", Found.Depth}};
  }

  // Before the first input: there is nothing to go back to.
  json::Object load(StringRef Library) {
    if (Error E = Libraries.load(Library))
      return json::Object{{"error", toString(std::move(E))}};
    return json::Object();
  }

  // What a failed try leaves of clang is not to be used again.
  json::Object failure() {
    json::Object Answer{{"diagnostics", json::fixUTF8(Compiler.takeDiagnostics())}, {"compiled", false}};
    if (auto Wanted = Again.wanted())
      Answer["again"] = std::move(*Wanted);
    Answer["clash"] = Again.isStuck();
    return Answer;
  }

  // IsCareful: there is nothing to go back to, so an input that does not compile must not be tried
  // where it does harm.
  json::Object run(StringRef Source, const json::Object &Changes, bool IsCareful) {
    IsGood = false;
    Exception.reset();
    if (halo::isCut(Compiler, Source))
      return json::Object{
          {"diagnostics", "error: the input ends inside of a bracket, a comment, a literal or an #if\n"},
          {"compiled", false},
          {"harmless", true}};
    if (IsCareful || MustBePure) {
      json::Object Failed = halo::objectInCopy([&] {
        if (!Compiler.compile(Again.apply(Changes, Source)))
          return failure();
        if (MustBePure && (!Values.isPure() || Source.contains('#')))
          return json::Object{{"diagnostics", "error: this may have effects\n"}, {"compiled", false}};
        return json::Object();
      });
      if (!Failed.empty()) {
        Failed["harmless"] = true;
        return Failed;
      }
    }
    std::unique_ptr<Module> M = Compiler.compile(Again.apply(Changes, Source));
    if (!M)
      return failure();
    json::Object Answer{{"diagnostics", json::fixUTF8(Compiler.takeDiagnostics())}, {"compiled", true}};
    Error Failure = Libraries.loadWanted(*M);
    if (!Failure)
      Failure = Engine.run(*M);
    IsGood = !Failure;
    if (Failure)
      Answer["error"] = toString(std::move(Failure)) + Libraries.takeHints();
    else
      Answer["diagnostics"] = Answer.getString("diagnostics")->str() + Libraries.takeNotes();
    if (auto Missed = Libraries.missed())
      Answer["missed"] = std::move(*Missed);
    for (const auto &[Old, New] : Again.takeReplaced())
      if (Error E = IsGood ? Engine.redirect(Old, New) : Error::success())
        Answer["diagnostics"] = Answer.getString("diagnostics")->str() +
                                "note: earlier code goes on calling the old " + demangle(Old) + ": " +
                                toString(std::move(E)) + "\n";
    tellResult(Answer);
    if (IsGood && MayBePure && Values.isPure() && !Source.contains('#') && !Exception) { // nothing to keep
      Answer["pure"] = true;
      IsGood = false;
    }
    return Answer;
  }

  void tellResult(json::Object &Answer) {
    if (Exception)
      Answer["exception"] =
          json::Object{{"type", json::fixUTF8(Exception->Type)}, {"what", json::fixUTF8(Exception->What)}};
    auto Value = Values.take();
    if (!Value)
      return;
    json::Object Shown{{"type", json::fixUTF8(Value->Type)}, {"text", json::fixUTF8(Value->Text)}};
    if (!Value->Node.empty())
      Shown["node"] = encodeBase64(Value->Node);
    json::Array Pictures;
    for (halo::Values::Picture &Each : Value->Pictures)
      Pictures.push_back(json::Object{{"mime", json::fixUTF8(Each.Mime)}, {"data", encodeBase64(Each.Data)}});
    if (!Pictures.empty())
      Shown["pictures"] = std::move(Pictures);
    Answer["value"] = std::move(Shown);
  }

  // A function that an input has made for it, as an input of its own.
  json::Object call(StringRef Function) {
    Exception.reset();
    json::Object Answer{{"diagnostics", ""}, {"compiled", true}};
    Error E = Engine.call(Function);
    IsGood = !E;
    if (E)
      Answer["error"] = toString(std::move(E));
    tellResult(Answer);
    return Answer;
  }

  halo::Front &Front;
  halo::Engine &Engine;
  halo::Compiler &Compiler;
  halo::Values &Values;
  halo::Redefinition &Again;
  halo::Libraries &Libraries;
  std::optional<Caught> Exception;
  bool IsGood = true; // the last input: worth keeping
  bool MayBePure = false, MustBePure = false;
};

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
  Conversation Talk(Front, **Engine, **Compiler, Values, Again, Libraries);
  if (Error E = Talk.prepare())
    return E;
  if (!NoAutoload) // after all that is there already
    if (Error E = Libraries.automate())
      return E;
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
