// DebugObject: tells a debugger in the executor about linked objects (GDB's JIT interface).
//
// A copy of the object, its section addresses filled in, goes into the same allocation as the code,
// and an allocation action registers it. LLVM's own plugin for this waits for messages while it
// links, which with one thread is for ever.
#ifndef HALO_NATIVE_DEBUGOBJECT_H
#define HALO_NATIVE_DEBUGOBJECT_H

#include "llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h"

#include <memory>

namespace halo {

// Register: address of llvm_orc_registerJITLoaderGDBAllocAction in the executor.
std::shared_ptr<llvm::orc::ObjectLinkingLayer::Plugin>
createDebugObjectPlugin(llvm::orc::ExecutorAddr Register);

} // namespace halo

#endif
