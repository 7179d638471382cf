#include "Engine.h"

#include "Arena.h"
#include "Companion.h"
#include "Frames.h"
#include "Guard.h"
#include "ThreadLocals.h"

#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/EPCGenericMemoryAccess.h"
#include "llvm/ExecutionEngine/Orc/ObjectFileInterface.h"
#include "llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h"
#include "llvm/ExecutionEngine/Orc/SimpleRemoteEPC.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;
using namespace llvm::orc;

namespace halo {
// Members of archives come with initializers of their own.
class Engine::Watch final : public ObjectLinkingLayer::Plugin {
public:
  explicit Watch(Engine &Owner) : Owner(Owner) {}
  void modifyPassConfig(MaterializationResponsibility &Of, jitlink::LinkGraph &,
                        jitlink::PassConfiguration &) override {
    Owner.HasForeignInitializers |= !!Of.getInitializerSymbol();
  }
  Error notifyFailed(MaterializationResponsibility &) override { return Error::success(); }
  Error notifyRemovingResources(JITDylib &, ResourceKey) override { return Error::success(); }
  void notifyTransferringResources(JITDylib &, ResourceKey, ResourceKey) override {}

private:
  Engine &Owner;
};

Expected<std::unique_ptr<Engine>> Engine::create(int Descriptor, const std::string &OrcRuntime,
                                                 const std::string &Support) {
  std::unique_ptr<Engine> Self(new Engine);
  auto Control = SimpleRemoteEPC::Create<Channel>(std::make_unique<InPlaceTaskDispatcher>(),
                                                  SimpleRemoteEPC::Setup(), Descriptor, Self->Line);
  if (!Control)
    return Control.takeError();
  Self->Triple = (*Control)->getTargetTriple();

  JITTargetMachineBuilder Builder(Self->Triple);
  Builder.setCodeGenOptLevel(CodeGenOptLevel::None).setRelocationModel(Reloc::PIC_);
  Builder.setCodeModel(CodeModel::Small);
  // Native models need relocations that JITLink does not have.
  Builder.getOptions().EmulatedTLS = true;
  auto Machine = Builder.createTargetMachine();
  if (!Machine)
    return Machine.takeError();
  Self->Machine = std::move(*Machine);
  Self->Codes = std::make_unique<Emitter>(*Self->Machine);

  // Without LLVM's debugger plugin: it waits for an answer in the middle of a link.
  LLJITBuilder Parts;
  Parts.setExecutorProcessControl(std::move(*Control))
      .setJITTargetMachineBuilder(std::move(Builder))
      .setSupportConcurrentCompilation(false)
      .setObjectLinkingLayerCreator(
          [Self = Self.get()](ExecutionSession &ES) -> Expected<std::unique_ptr<ObjectLayer>> {
            auto Memory = Arena::create(ES, *Self->Line);
            if (!Memory)
              return Memory.takeError();
            Self->Memory = Memory->get();
            auto Linker = std::make_unique<ObjectLinkingLayer>(ES, std::move(*Memory));
            Linker->addPlugin(Self->Known);
            Linker->addPlugin(std::make_shared<Frames>());
            Linker->addPlugin(std::make_shared<Watch>(*Self));
            return Linker;
          })
      .setPlatformSetUp(ExecutorNativePlatform(OrcRuntime));
  auto Jit = Parts.create();
  if (!Jit)
    return Jit.takeError();
  Self->Jit = std::move(*Jit);
  Self->Jit->getMainJITDylib().addGenerator(std::make_unique<ThreadLocals>(*Self->Jit, *Self->Machine));
  Self->session().setErrorReporter([Report = &Self->LastReport](Error E) {
    *Report += (Report->empty() ? "" : "; ") + toString(std::move(E));
  });
  auto Object = MemoryBuffer::getFile(Support);
  if (!Object)
    return createStringError(Object.getError(), "cannot read " + Support);
  Self->Known->begin(**Object);
  if (Error E = Self->Jit->addObjectFile(*Self->Jit->getPlatformJITDylib(), std::move(*Object)))
    return E;
  // Destructors are run of what has been initialized.
  if (Error E = Self->Jit->initialize(Self->Jit->getMainJITDylib()))
    return E;
  Self->HasForeignInitializers = false;
  auto Run = Self->session().lookup({Self->Jit->getPlatformJITDylib().get()}, "__halo_run");
  if (!Run)
    return Run.takeError();
  Self->RunFunction = Run->getAddress();
  return Self;
}

Engine::~Engine() = default;

// LLVM's platform asks the executor which asks us what is new: an input's own initializers come with
// its code in one message, and are called when that has been written.
Error Engine::link(Code Linked) {
  JITDylib &Main = Jit->getMainJITDylib();
  const std::string &Initialize = Linked.Initialize;
  auto Interface = getObjectFileInterface(session(), *Linked.Object);
  if (!Interface)
    return Interface.takeError();
  HasForeignInitializers |= !!Interface->InitSymbol;
  if (Error E = Jit->getObjLinkingLayer().add(Main, std::move(Linked.Object), std::move(*Interface)))
    return E;
  shared::WrapperFunctionCall Run;
  if (!Initialize.empty()) {
    Memory->hold();
    auto Found = session().lookup({&Main}, Initialize);
    if (!Found) // what has been linked of it is taken for written
      return joinErrors(Found.takeError(), Memory->release());
    Run = cantFail(shared::WrapperFunctionCall::Create<shared::SPSArgList<shared::SPSExecutorAddr>>(
        RunFunction, Found->getAddress()));
  }
  if (HasForeignInitializers) {
    if (Error E = Memory->release())
      return E;
    HasForeignInitializers = false;
    if (Error E = Jit->initialize(Main))
      return E;
  }
  Error Failure = Memory->release(std::move(Run));
  if (!Failure && !Initialize.empty()) // nobody asks for it again
    Failure = Main.remove({session().intern(Initialize)});
  return Failure;
}

// Inline variables, and static ones of templates and inline functions, are one in a program and its
// libraries: the loader takes the first.
Error Engine::leaveToLibraries(Module &M) {
  SymbolLookupSet Names;
  std::vector<std::pair<GlobalVariable *, SymbolStringPtr>> Variables;
  for (GlobalVariable &Each : M.globals())
    if (Each.isWeakForLinker() && Each.hasInitializer() && !Each.isConstant() && !Each.isThreadLocal()) {
      Variables.emplace_back(&Each, session().intern(Each.getName()));
      Names.add(Variables.back().second, SymbolLookupFlags::WeaklyReferencedSymbol);
    }
  if (Variables.empty())
    return Error::success();
  auto Found = session().lookup(makeJITDylibSearchOrder({Jit->getProcessSymbolsJITDylib().get()}), Names);
  if (!Found)
    return Found.takeError();
  for (auto &[Variable, Name] : Variables)
    if (Found->count(Name)) {
      Variable->setInitializer(nullptr);
      Variable->setLinkage(GlobalValue::ExternalLinkage);
      Variable->setComdat(nullptr);
    }
  return Error::success();
}

Expected<Engine::Code> Engine::emit(Module &M) {
  constexpr unsigned NamesLifetime = 64;
  if (HasLibraries)
    if (Error E = leaveToLibraries(M))
      return E;
  std::string Initialize = guardInitializers(M, Modules++);
  if (Modules % NamesLifetime == 0)
    session().getSymbolStringPool()->clearDeadEntries();
  auto Object = Codes->emit(M);
  if (!Object)
    return Object.takeError();
  return Code{std::move(*Object), std::move(Initialize)};
}

Error Engine::run(Code Linked) {
  LastReport.clear();
  Known->begin(*Linked.Object);
  Error Failure = link(std::move(Linked));
  if (Failure && !LastReport.empty()) { // it says why; the look-up that failed only says that it did
    consumeError(std::move(Failure));
    return createStringError(LastReport);
  }
  return Failure;
}

Error Engine::serve(StringRef Name, Handler Serve) {
  // The tag of a dispatched call is the address of a symbol that support defines.
  SymbolStringPtr Symbol = session().intern(Name);
  ExecutionSession::JITDispatchHandlerAssociationMap Handlers;
  Handlers[Symbol] = [Serve = std::move(Serve)](ExecutionSession::SendResultFunction Send, const char *Data,
                                                size_t Bytes) {
    std::string Answer = Serve({Data, Bytes});
    Send(shared::WrapperFunctionBuffer::copyFrom(Answer.data(), Answer.size()));
  };
  return session().registerJITDispatchHandlers(*Jit->getPlatformJITDylib(), std::move(Handlers));
}

Expected<ExecutorAddr> Engine::lookUp(StringRef Name) { return Jit->lookupLinkerMangled(Name); }

Expected<uint64_t> Engine::freeze(uint64_t Id) {
  auto Service = Line->symbols().find("halo_freeze");
  if (Service == Line->symbols().end())
    return createStringError("this executor cannot be frozen");
  Expected<uint64_t> Threads(0);
  if (Error E = session().callSPSWrapper<shared::SPSExpected<uint64_t>(uint64_t)>(
          ExecutorAddr(Service->second), Threads, Id))
    return joinErrors(std::move(E), Threads.takeError());
  return Threads;
}

Error Engine::redirect(StringRef From, StringRef To) {
  auto Service = Line->symbols().find("halo_redirect");
  if (Service == Line->symbols().end())
    return createStringError("this executor redirects no calls");
  auto Old = lookUp(From);
  if (Old.errorIsA<SymbolsNotFound>()) { // there is no code that could call it
    consumeError(Old.takeError());
    return Error::success();
  }
  auto New = lookUp(To);
  if (!Old || !New)
    return joinErrors(Old.takeError(), New.takeError());
  Error Failure = Error::success();
  if (Error E = session().callSPSWrapper<shared::SPSError(uint64_t, uint64_t)>(
          ExecutorAddr(Service->second), Failure, Old->getValue(), New->getValue()))
    return joinErrors(std::move(E), std::move(Failure));
  return Failure;
}

Error Engine::read(ExecutorAddr From, MutableArrayRef<char> To) {
  auto [At, Bytes] = std::exchange(Sent, {});
  if (At == From && To.size() <= Bytes.size()) {
    std::copy_n(Bytes.begin(), To.size(), To.begin());
    return Error::success();
  }
  auto Result = session().getExecutorProcessControl().getMemoryAccess().readBuffers(
      {ExecutorAddrRange(From, ExecutorAddrDiff(To.size()))});
  if (!Result)
    return Result.takeError();
  if (Result->size() != 1 || Result->front().size() != To.size())
    return createStringError("the executor read something else than it was asked for");
  std::copy(Result->front().begin(), Result->front().end(), To.begin());
  return Error::success();
}

Error Engine::call(StringRef Name) {
  auto Function = lookUp(Name);
  if (!Function)
    return Function.takeError();
  return session().getExecutorProcessControl().runAsVoidFunction(*Function).takeError();
}

Expected<std::string> Engine::call(StringRef Name, ArrayRef<char> Bytes) {
  auto Function = session().lookup({Jit->getPlatformJITDylib().get()}, Name);
  if (!Function)
    return Function.takeError();
  auto Result = session().callWrapper(Function->getAddress(), Bytes);
  if (const char *Failure = Result.getOutOfBandError())
    return createStringError(Failure);
  return std::string(Result.data(), Result.size());
}

Error Engine::accompany(const std::string &Library) {
  std::vector<ExecutorAddr> Services;
  for (const std::string &Name : Companion::services()) {
    auto Found = session().lookup({Jit->getPlatformJITDylib().get()}, Name);
    if (!Found)
      return Found.takeError();
    Services.push_back(Found->getAddress());
  }
  JITDylib &Code = session().createBareJITDylib("<header cache>");
  Code.addGenerator(std::make_unique<Companion>(session(), Library, std::move(Services)));
  Jit->getMainJITDylib().addToLinkOrder(Code);
  return Error::success();
}

} // namespace halo
