// Wire: the transport under LLVM's SimpleRemoteEPC: one socket, one thread, and a suspicious eye.
//
// LLVM's own FD transport trusts its peer (a second Setup, or a call before the session is up, is
// undefined behaviour) and blocks while it writes, so that two ends that both have much to say wait
// for each other for ever. Here every frame is checked before LLVM sees it, writes never block, and
// a peer that is silent at the start, or does not take what is sent, is hung up on.
//
// sendMessage and disconnect: any thread. All else runs on the wire's thread.
#ifndef HALO_NATIVE_WIRE_H
#define HALO_NATIVE_WIRE_H

#include "llvm/ADT/FunctionExtras.h"
#include "llvm/ExecutionEngine/Orc/Shared/SimpleRemoteEPCUtils.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace halo {

// What outlives the transport: how the conversation began and why it ended.
struct WireLog {
  std::mutex M;
  std::condition_variable HasEnded;
  bool IsOver = false;
  std::string Reason;                      // valid once the connection is going down
  std::map<std::string, uint64_t> Symbols; // the peer's, as announced
  llvm::unique_function<void(const std::string &)> Closed;

  std::string reason() {
    std::lock_guard Lock(M);
    return Reason;
  }
};

class Wire : public llvm::orc::SimpleRemoteEPCTransport {
public:
  // For SimpleRemoteEPC::Create. Takes the descriptor over, also on failure. Self is set to the
  // transport while it lives.
  static llvm::Expected<std::unique_ptr<Wire>> Create(llvm::orc::SimpleRemoteEPCTransportClient &Client,
                                                      int Descriptor, std::shared_ptr<WireLog> Log,
                                                      Wire *&Self);
  ~Wire() override;

  llvm::Error start() override;
  llvm::Error sendMessage(llvm::orc::SimpleRemoteEPCOpcode Opcode, uint64_t Sequence,
                          llvm::orc::ExecutorAddr Tag, llvm::ArrayRef<char> Arguments) override;
  void disconnect() override { hangUp("closed"); }

  // After Setup nothing more is read until the session is ready to be called.
  void admit();
  bool isOwnThread() const { return std::this_thread::get_id() == Thread.get_id(); }

private:
  using Clock = std::chrono::steady_clock;
  using Frame = llvm::orc::shared::WrapperFunctionBuffer;

  Wire(llvm::orc::SimpleRemoteEPCTransportClient &Client, int Descriptor, int WakeUp,
       std::shared_ptr<WireLog> Log);
  void run();
  llvm::Error converse();
  llvm::Expected<bool> receive(bool &IsOver);
  llvm::Expected<bool> deliver();
  llvm::Error flush(); // with M held
  void hangUp(const std::string &Reason);
  void wake();

  llvm::orc::SimpleRemoteEPCTransportClient &Client;
  std::shared_ptr<WireLog> Log;
  std::thread Thread;
  int Descriptor, WakeUp;

  std::mutex M; // guards what follows
  std::vector<char> Outbox;
  size_t Sent = 0; // of Outbox
  Clock::time_point Progress;
  bool IsClosing = false;
  std::atomic<bool> IsAdmitted{false};

  // The wire thread's own: the frame that is being received.
  char Header[32];
  size_t HeaderBytes = 0, PayloadBytes = 0;
  Frame Payload;
  bool HasSetup = false;
  Clock::time_point Deadline;
};

} // namespace halo

#endif
