#include "Companion.h"

#include "llvm/ExecutionEngine/Orc/DylibManager.h"
#include "llvm/ExecutionEngine/Orc/MemoryAccess.h"

using namespace llvm;
using namespace llvm::orc;

namespace halo {

const std::vector<std::string> &Companion::services() {
  static const std::vector<std::string> Names = {"__halo_show",  "__halo_tell",   "__halo_put",
                                                 "__halo_quote", "__halo_number", "__halo_time",
                                                 "__halo_type",  "__halo_plain",  "__halo_learn"};
  return Names;
}

Error Companion::load() {
  ExecutorProcessControl &Control = Session.getExecutorProcessControl();
  auto Handle = Control.getDylibMgr().loadDylib(Library.c_str());
  if (!Handle)
    return Handle.takeError();
  SymbolLookupSet Table(Session.intern("__halo_served"));
  DylibManager::LookupRequest Request(*Handle, Table);
  auto Found = Control.getDylibMgr().lookupSymbols(Request);
  if (!Found)
    return Found.takeError();
  if (Found->size() != 1 || Found->front().size() != 1 || !Found->front().front())
    return createStringError(Library + ": has no table of services; remove it");
  std::vector<tpctypes::PointerWrite> Writes;
  ExecutorAddr At = Found->front().front()->getAddress();
  for (ExecutorAddr Each : Services) {
    Writes.push_back({At, Each});
    At += sizeof(uint64_t);
  }
  if (Error E = Control.getMemoryAccess().writePointers(Writes))
    return E;
  Loaded = std::make_unique<EPCDynamicLibrarySearchGenerator>(Session, *Handle);
  return Error::success();
}

Error Companion::tryToGenerate(LookupState &State, LookupKind Kind, JITDylib &In, JITDylibLookupFlags Flags,
                               const SymbolLookupSet &Symbols) {
  if (!Loaded)
    if (Error E = load())
      return E;
  return Loaded->tryToGenerate(State, Kind, In, Flags, Symbols);
}

} // namespace halo
