// Channel: the transport under LLVM's SimpleRemoteEPC, for a process of one thread that can be forked.
//
// LLVM's own transport reads on a thread of its own, and a thread does not survive fork. Here nothing
// is read until an answer is waited for: sendMessage of a call returns when the call has been
// answered, and whatever the executor asks for meanwhile is served on the way, on the same stack.
// What waits for an answer by std::future therefore never waits.
//
// A connection belongs to one epoch: a process that was frozen and is thawed goes on with another
// one, so that nothing of an abandoned epoch can arrive in it.
#ifndef HALO_INTERPRETER_CHANNEL_H
#define HALO_INTERPRETER_CHANNEL_H

#include "llvm/ExecutionEngine/Orc/Shared/SimpleRemoteEPCUtils.h"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace halo {

class Channel : public llvm::orc::SimpleRemoteEPCTransport {
public:
  // For SimpleRemoteEPC::Create. Takes the descriptor over. Self is set to the transport, which the
  // session owns.
  static llvm::Expected<std::unique_ptr<Channel>> Create(llvm::orc::SimpleRemoteEPCTransportClient &Client,
                                                         int Descriptor, Channel *&Self);
  ~Channel() override;

  // Waits for the executor's Setup, at most 10 s.
  llvm::Error start() override;
  // Of a call: also waits for its answer.
  llvm::Error sendMessage(llvm::orc::SimpleRemoteEPCOpcode Opcode, uint64_t Sequence,
                          llvm::orc::ExecutorAddr Tag, llvm::ArrayRef<char> Arguments) override;
  // Does not end the executor: other processes may be connected to what it has frozen.
  void disconnect() override;

  // Goes on with another connection. No call is under way.
  void reconnect(int Descriptor);
  // For frozen copies of this process too, so the executor hears of it.
  void hangUp();

  // What the executor says when it dies: a call with tag 0 (executor/crash.h).
  std::function<void(llvm::ArrayRef<char>)> Crashed;

  // The executor is gone, or said what none says. Whoever started both knows by now, or will.
  bool isBroken() const { return IsBroken; }

  // What the executor announced.
  const std::map<std::string, uint64_t> &symbols() const { return Symbols; }

private:
  Channel(llvm::orc::SimpleRemoteEPCTransportClient &Client, int Descriptor)
      : Client(Client), Descriptor(Descriptor) {}
  llvm::Error handleNext(int TimeoutMilliseconds);
  llvm::Error fill(size_t Bytes, int TimeoutMilliseconds);
  llvm::Error handleSetup(uint64_t Sequence, uint64_t Tag, llvm::ArrayRef<char> Payload);

  llvm::orc::SimpleRemoteEPCTransportClient &Client;
  int Descriptor;
  bool HasSetup = false, IsBroken = false;
  std::map<std::string, uint64_t> Symbols;
  std::set<uint64_t> Unanswered;
  std::vector<char> Inbox; // received, not handled: from Taken to Filled
  size_t Taken = 0, Filled = 0;
};

} // namespace halo

#endif
