// Greeting: the Setup message, checked before LLVM reads it, and the Hangup message.
//
// LLVM's decoder reserves memory for counts that it has not bounded. And it insists on services
// that only a stand-alone executor has; for those a peer lacks, the copy handed to LLVM says 0.
#ifndef HALO_NATIVE_GREETING_H
#define HALO_NATIVE_GREETING_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ExecutionEngine/Orc/Shared/WrapperFunctionUtils.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <map>
#include <string>

namespace halo {

// Fills Symbols with what the peer announced; returns the payload for LLVM.
llvm::Expected<llvm::orc::shared::WrapperFunctionBuffer>
readGreeting(llvm::ArrayRef<char> Payload, std::map<std::string, uint64_t> &Symbols);

// The reason in a Hangup message; empty when there is none, or none that can be read.
std::string readFarewell(llvm::ArrayRef<char> Payload);

} // namespace halo

#endif
