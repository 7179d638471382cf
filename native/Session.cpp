#include "Session.h"

#include "DebugObject.h"
#include "Recorder.h"
#include "Wire.h"

#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/EHFrameRegistrationPlugin.h"
#include "llvm/ExecutionEngine/Orc/EPCGenericJITLinkMemoryManager.h"
#include "llvm/ExecutionEngine/Orc/EPCGenericMemoryAccess.h"
#include "llvm/ExecutionEngine/Orc/ObjectFileInterface.h"
#include "llvm/ExecutionEngine/Orc/Shared/OrcRTBridge.h"
#include "llvm/ExecutionEngine/Orc/SimpleRemoteEPC.h"

#include <atomic>
#include <mutex>

using namespace llvm;
using namespace llvm::orc;

namespace halo {
namespace {

// LLVM reports why a link failed, and only then fails the look-up with "failed to materialize"; both
// on the same thread.
thread_local std::string LastReport;

struct Layer {
  std::shared_ptr<Recorder> Recorded;
  std::unique_ptr<ObjectLinkingLayer> Linker;
};

} // namespace

struct Session::State {
  std::shared_ptr<WireLog> Log = std::make_shared<WireLog>();
  Wire *Line = nullptr; // owned by the session's process control
  std::mutex M;
  std::map<std::pair<uint64_t, bool>, Layer> Layers; // by arena, for debugging
  std::atomic<uint64_t> Scopes{0};
  std::unique_ptr<ExecutionSession> ES;

  ~State() {
    if (!ES)
      return;
    // The connection is gone: this releases our side only.
    consumeError(ES->endSession());
    Layers.clear();
    ES.reset();
  }

  ExecutorAddr symbol(StringRef Name) const {
    auto At = Log->Symbols.find(Name.str());
    return ExecutorAddr(At == Log->Symbols.end() ? 0 : At->second);
  }

  Expected<Layer *> layer(uint64_t Arena, bool IsDebug);
};

Expected<std::unique_ptr<Session>> Session::open(int Descriptor,
                                                 unique_function<void(const std::string &)> Closed) {
  auto S = std::make_unique<State>();
  auto Symbol = [Log = S->Log](const char *Name) { return ExecutorAddr(Log->Symbols[Name]); };
  SimpleRemoteEPC::Setup Setup;
  // Neither is used: links bring a memory manager of their own.
  Setup.CreateMemoryManager =
      [](SimpleRemoteEPC &EPC) -> Expected<std::unique_ptr<jitlink::JITLinkMemoryManager>> {
    return std::make_unique<EPCGenericJITLinkMemoryManager>(EPC,
                                                            EPCGenericJITLinkMemoryManager::SymbolAddrs());
  };
  Setup.CreateMemoryAccess = [](SimpleRemoteEPC &EPC) -> Expected<std::unique_ptr<MemoryAccess>> {
    return std::make_unique<EPCGenericMemoryAccess>(EPC, EPCGenericMemoryAccess::FuncAddrs());
  };
  auto EPC = SimpleRemoteEPC::Create<Wire>(std::make_unique<InPlaceTaskDispatcher>(), std::move(Setup),
                                           Descriptor, S->Log, S->Line);
  if (!EPC) {
    std::string Own = toString(EPC.takeError()), Why = S->Log->reason();
    return createStringError(Why.empty() || Why == "closed" ? Own : Why);
  }
  S->ES = std::make_unique<ExecutionSession>(std::move(*EPC));
  S->ES->setErrorReporter([](Error E) { LastReport = toString(std::move(E)); });
  S->Log->Closed = std::move(Closed);
  S->Line->admit();
  return std::unique_ptr<Session>(new Session(std::move(S)));
}

Session::Session(std::unique_ptr<State> S) : S(std::move(S)) {}

Session::~Session() {
  close();
  if (S->Line->isOwnThread()) { // dropped by a callback: the wire's thread can not wait for itself
    std::thread([Left = std::move(S)]() mutable {
      {
        std::unique_lock Lock(Left->Log->M);
        Left->Log->HasEnded.wait(Lock, [&] { return Left->Log->IsOver; });
      }
      Left.reset();
    }).detach();
    return;
  }
  waitClosed();
}

std::string Session::triple() const { return S->ES->getTargetTriple().str(); }
uint64_t Session::pageBytes() const { return S->ES->getPageSize(); }
std::map<std::string, uint64_t> Session::symbols() const { return S->Log->Symbols; }

bool Session::isOpen() const { return S->Log->reason().empty(); }

void Session::close() { S->Line->disconnect(); }

void Session::waitClosed() {
  std::unique_lock Lock(S->Log->M);
  S->Log->HasEnded.wait(Lock, [&] { return S->Log->IsOver; });
}

void Session::call(uint64_t Address, ArrayRef<char> Arguments, CallDone Done) {
  S->ES->getExecutorProcessControl().callWrapperAsync(
      ExecutorProcessControl::RunInPlace(), ExecutorAddr(Address),
      [Log = S->Log, Done = std::move(Done)](shared::WrapperFunctionBuffer Result) mutable {
        const char *Failure = Result.getOutOfBandError();
        if (!Failure)
          return Done(ArrayRef<char>(Result.data(), Result.size()));
        std::string Reason = Log->reason();
        Done(createStringError(Reason.empty() ? Failure : Reason));
      },
      Arguments);
}

Expected<Layer *> Session::State::layer(uint64_t Arena, bool IsDebug) {
  std::lock_guard Lock(M);
  Layer &L = Layers[{Arena, IsDebug}];
  if (L.Linker)
    return &L;
  EPCGenericJITLinkMemoryManager::SymbolAddrs Services;
  Services.Allocator = ExecutorAddr(Arena);
  Services.Reserve = symbol(rt::SimpleExecutorMemoryManagerReserveWrapperName);
  Services.Initialize = symbol(rt::SimpleExecutorMemoryManagerInitializeWrapperName);
  Services.Deinitialize = symbol(rt::SimpleExecutorMemoryManagerDeinitializeWrapperName);
  Services.Release = symbol(rt::SimpleExecutorMemoryManagerReleaseWrapperName);
  if (!Services.Reserve || !Services.Initialize || !Services.Release)
    return createStringError("the executor offers no memory service");
  auto Linker = std::make_unique<ObjectLinkingLayer>(
      *ES, std::make_unique<EPCGenericJITLinkMemoryManager>(ES->getExecutorProcessControl(), Services));
  ExecutorAddr Register = symbol(rt::RegisterEHFrameSectionAllocActionName);
  ExecutorAddr Deregister = symbol(rt::DeregisterEHFrameSectionAllocActionName);
  if (Register && Deregister)
    Linker->addPlugin(std::make_shared<EHFrameRegistrationPlugin>(Register, Deregister));
  if (ExecutorAddr Debugger = symbol(rt::RegisterJITLoaderGDBAllocActionName); Debugger && IsDebug)
    Linker->addPlugin(createDebugObjectPlugin(Debugger));
  L.Recorded = std::make_shared<Recorder>();
  Linker->addPlugin(L.Recorded);
  L.Linker = std::move(Linker);
  return &L;
}

Error Session::link(StringRef Data, const std::map<std::string, uint64_t> &Symbols, uint64_t Arena,
                    bool IsDebug, LinkDone Done) {
  ExecutionSession &ES = *S->ES;
  auto L = S->layer(Arena, IsDebug);
  if (!L)
    return L.takeError();
  uint64_t Number = S->Scopes++;
  auto Buffer = MemoryBuffer::getMemBufferCopy(Data, ("halo." + Twine(Number)).str());
  auto Interface = getObjectFileInterface(ES, Buffer->getMemBufferRef());
  if (!Interface)
    return Interface.takeError();
  if (Interface->SymbolFlags.empty())
    return createStringError("the object defines no symbol that could be asked for");
  SymbolLookupSet Wanted;
  for (const auto &[Name, Flags] : Interface->SymbolFlags)
    Wanted.add(Name);

  JITDylib &Scope = ES.createBareJITDylib(("halo." + Twine(Number)).str());
  SymbolMap Given;
  for (const auto &[Name, Address] : Symbols)
    if (!Interface->SymbolFlags.count(ES.intern(Name)))
      Given[ES.intern(Name)] = {ExecutorAddr(Address), JITSymbolFlags::Exported};
  if (!Given.empty())
    if (Error E = Scope.define(absoluteSymbols(std::move(Given))))
      return E;
  if (Error E = (*L)->Linker->add(Scope, std::move(Buffer), std::move(*Interface)))
    return E;

  LastReport.clear();
  ES.lookup(
      LookupKind::Static, {{&Scope, JITDylibLookupFlags::MatchAllSymbols}}, std::move(Wanted),
      SymbolState::Ready,
      [Log = S->Log, Recorded = (*L)->Recorded, &Scope,
       Done = std::move(Done)](Expected<SymbolMap> Found) mutable {
        if (Found)
          return Done(Recorded->take(Scope));
        std::string Why = toString(Found.takeError()), Reason = Log->reason();
        if (!LastReport.empty())
          Why = std::exchange(LastReport, {});
        Done(createStringError(Reason.empty() ? Why : Reason));
      },
      NoDependenciesToRegister);
  return Error::success();
}

Error Session::serve(const std::string &Name, Handler Serve) {
  ExecutionSession &ES = *S->ES;
  ExecutorAddr Tag = S->symbol(Name);
  if (!Tag)
    return createStringError("the executor announced no symbol \"" + Name + "\"");
  JITDylib &Scope = ES.createBareJITDylib(("halo." + Twine(S->Scopes++)).str());
  SymbolStringPtr Symbol = ES.intern(Name);
  if (Error E = Scope.define(absoluteSymbols({{Symbol, {Tag, JITSymbolFlags::Exported}}})))
    return E;
  ExecutionSession::JITDispatchHandlerAssociationMap Handlers;
  Handlers[Symbol] = [Serve = std::move(Serve)](ExecutionSession::SendResultFunction Send, const char *Data,
                                                size_t Bytes) mutable {
    auto Result = Serve({Data, Bytes});
    if (Result)
      Send(shared::WrapperFunctionBuffer::copyFrom(Result->data(), Result->size()));
    else
      Send(shared::WrapperFunctionBuffer::createOutOfBandError(toString(Result.takeError())));
  };
  return ES.registerJITDispatchHandlers(Scope, std::move(Handlers));
}

} // namespace halo
