#include "Wire.h"

#include "Greeting.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"

#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;
using namespace llvm::orc;
using namespace std::chrono_literals;

namespace halo {
namespace {

constexpr uint64_t FrameLimitBytes = uint64_t(1) << 30, OutboxLimitBytes = uint64_t(1) << 29;
constexpr auto SetupLimit = 10s; // then a silent peer is no executor
constexpr auto StallLimit = 20s; // as the runtime's: a peer that reads nothing has died

Error systemError(const char *What, int Number) {
  return createStringError(std::string(What) + ": " + std::strerror(Number));
}

void append(std::vector<char> &To, uint64_t Value) {
  char Bytes[8];
  support::endian::write64le(Bytes, Value);
  To.insert(To.end(), Bytes, Bytes + 8);
}

} // namespace

Expected<std::unique_ptr<Wire>> Wire::Create(SimpleRemoteEPCTransportClient &Client, int Descriptor,
                                             std::shared_ptr<WireLog> Log, Wire *&Self) {
  struct stat Status;
  int WakeUp = -1;
  if (fstat(Descriptor, &Status) != 0)
    return systemError("the descriptor", errno);
  if (!S_ISSOCK(Status.st_mode)) {
    close(Descriptor);
    return createStringError("the descriptor is not a socket");
  }
  if ((WakeUp = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) {
    Error E = systemError("eventfd", errno);
    close(Descriptor);
    return std::move(E);
  }
  std::unique_ptr<Wire> Result(new Wire(Client, Descriptor, WakeUp, std::move(Log)));
  Self = Result.get();
  return std::move(Result);
}

Wire::Wire(SimpleRemoteEPCTransportClient &Client, int Descriptor, int WakeUp, std::shared_ptr<WireLog> Log)
    : Client(Client), Log(std::move(Log)), Descriptor(Descriptor), WakeUp(WakeUp) {}

Wire::~Wire() {
  if (Thread.joinable())
    Thread.join();
  else
    close(Descriptor); // never started
  close(WakeUp);
}

Error Wire::start() {
  Deadline = Clock::now() + SetupLimit;
  Thread = std::thread([this] { run(); });
  return Error::success();
}

void Wire::wake() {
  uint64_t One = 1;
  [[maybe_unused]] ssize_t Written = write(WakeUp, &One, sizeof One);
}

void Wire::hangUp(const std::string &Reason) {
  std::lock_guard Lock(M);
  if (IsClosing)
    return;
  {
    std::lock_guard LogLock(Log->M);
    Log->Reason = Reason;
  }
  consumeError(flush());
  IsClosing = true;
  shutdown(Descriptor, SHUT_RDWR);
  wake();
}

void Wire::admit() {
  std::lock_guard Lock(M);
  IsAdmitted = true;
  wake();
}

Error Wire::sendMessage(SimpleRemoteEPCOpcode Opcode, uint64_t Sequence, ExecutorAddr Tag,
                        ArrayRef<char> Arguments) {
  std::lock_guard Lock(M);
  if (IsClosing)
    return createStringError("disconnected");
  if (Outbox.size() - Sent + Arguments.size() > OutboxLimitBytes)
    return createStringError("the peer does not take what is sent");
  if (Outbox.empty())
    Progress = Clock::now();
  append(Outbox, sizeof Header + Arguments.size());
  append(Outbox, static_cast<uint64_t>(Opcode));
  append(Outbox, Sequence);
  append(Outbox, Tag.getValue());
  Outbox.insert(Outbox.end(), Arguments.begin(), Arguments.end());
  if (Error E = flush())
    return E;
  if (!Outbox.empty())
    wake(); // the wire's thread sends the rest
  return Error::success();
}

Error Wire::flush() {
  while (Sent < Outbox.size()) {
    ssize_t Bytes = send(Descriptor, Outbox.data() + Sent, Outbox.size() - Sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (Bytes < 0 && errno == EINTR)
      continue;
    if (Bytes < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return Error::success();
    if (Bytes < 0)
      return systemError("send", errno);
    Sent += static_cast<size_t>(Bytes);
    Progress = Clock::now();
  }
  Outbox.clear();
  Sent = 0;
  return Error::success();
}

void Wire::run() {
  std::string Why = toString(converse());
  hangUp(Why.empty() ? "the peer hung up" : Why); // unless we did
  {
    std::lock_guard Lock(M);
    close(Descriptor);
  }
  // LLVM fails every call that still waits for an answer.
  Client.handleDisconnect(Error::success());
  auto Closed = std::move(Log->Closed);
  if (Closed)
    Closed(Log->reason());
  std::lock_guard Lock(Log->M);
  Log->IsOver = true;
  Log->HasEnded.notify_all();
}

// Success: hung up in order, by either side.
Error Wire::converse() {
  for (;;) {
    pollfd Waiting[] = {{WakeUp, POLLIN, 0}, {Descriptor, 0, 0}};
    Clock::time_point Until = Clock::time_point::max();
    bool IsListening;
    {
      std::lock_guard Lock(M);
      if (IsClosing)
        return Error::success();
      IsListening = !HasSetup || IsAdmitted;
      if (!HasSetup)
        Until = Deadline;
      if (!Outbox.empty())
        Until = std::min(Until, Progress + StallLimit);
      Waiting[1].events = static_cast<short>((IsListening ? POLLIN : 0) | (Outbox.empty() ? 0 : POLLOUT));
    }
    int Milliseconds = -1;
    if (Until != Clock::time_point::max()) {
      auto Left = std::chrono::ceil<std::chrono::milliseconds>(Until - Clock::now());
      if (Left.count() <= 0)
        return createStringError(HasSetup ? "the peer does not take what is sent"
                                          : "the peer said nothing that an executor says for 10 s");
      Milliseconds = static_cast<int>(Left.count());
    }
    // A hang-up is always reported: while not listening, do not ask.
    if (poll(Waiting, Waiting[1].events ? 2 : 1, Milliseconds) < 0 && errno != EINTR)
      return systemError("poll", errno);
    uint64_t Ignored;
    if (Waiting[0].revents && read(WakeUp, &Ignored, sizeof Ignored) < 0 && errno != EAGAIN)
      return systemError("eventfd", errno);
    {
      std::lock_guard Lock(M);
      if (!IsClosing)
        if (Error E = flush())
          return E;
    }
    bool IsOver = false;
    // A peer that always has more to say must not keep us from answering.
    for (int N = 0; N < 64 && IsListening && Waiting[1].revents && !IsOver; ++N) {
      auto HasMore = receive(IsOver);
      if (!HasMore)
        return HasMore.takeError();
      if (!*HasMore || (HasSetup && !IsAdmitted))
        break;
    }
    if (IsOver)
      return Error::success();
  }
}

// Reads what there is of the current frame. False: no more for now.
Expected<bool> Wire::receive(bool &IsOver) {
  bool IsHeader = HeaderBytes < sizeof Header;
  char *To = IsHeader ? Header + HeaderBytes : Payload.data() + PayloadBytes;
  size_t Wanted = IsHeader ? sizeof Header - HeaderBytes : Payload.size() - PayloadBytes;
  ssize_t Bytes = Wanted ? recv(Descriptor, To, Wanted, MSG_DONTWAIT) : 0;
  if (Bytes < 0 && errno == EINTR)
    return true;
  if (Bytes < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
    return false;
  if (Bytes < 0)
    return systemError("recv", errno);
  if (Bytes == 0 && Wanted) {
    if (HeaderBytes)
      return createStringError("the peer hung up in the middle of a message");
    if (!HasSetup)
      return createStringError("the peer hung up before it said what it is");
    IsOver = true;
    return false;
  }
  if (IsHeader) {
    HeaderBytes += static_cast<size_t>(Bytes);
    if (HeaderBytes < sizeof Header)
      return true;
    uint64_t Size = support::endian::read64le(Header);
    if (Size < sizeof Header || Size > FrameLimitBytes)
      return createStringError(formatv("the peer sent a message of {0} bytes; {1} to {2} are possible", Size,
                                       sizeof Header, FrameLimitBytes));
    PayloadBytes = 0;
    Payload = Frame::allocate(Size - sizeof Header);
    return Size == sizeof Header ? deliver() : Expected<bool>(true);
  }
  PayloadBytes += static_cast<size_t>(Bytes);
  return PayloadBytes < Payload.size() ? Expected<bool>(true) : deliver();
}

Expected<bool> Wire::deliver() {
  uint64_t Opcode = support::endian::read64le(Header + 8);
  uint64_t Sequence = support::endian::read64le(Header + 16);
  uint64_t Tag = support::endian::read64le(Header + 24);
  HeaderBytes = 0;
  if (Opcode > static_cast<uint64_t>(SimpleRemoteEPCOpcode::LastOpC))
    return createStringError(formatv("the peer sent an unknown message ({0})", Opcode));
  auto Kind = static_cast<SimpleRemoteEPCOpcode>(Opcode);
  if (!HasSetup && Kind != SimpleRemoteEPCOpcode::Hangup) {
    if (Kind != SimpleRemoteEPCOpcode::Setup || Sequence || Tag)
      return createStringError("the peer is not an executor: it did not introduce itself");
    auto Checked = readGreeting({Payload.data(), Payload.size()}, Log->Symbols);
    if (!Checked)
      return createStringError("the peer is not an executor: " + toString(Checked.takeError()));
    Payload = std::move(*Checked);
    HasSetup = true;
  } else if (Kind == SimpleRemoteEPCOpcode::Setup) {
    return createStringError("the peer introduced itself twice");
  }
  if (Kind == SimpleRemoteEPCOpcode::Hangup) {
    std::string Why = readFarewell({Payload.data(), Payload.size()});
    hangUp(Why.empty() ? "the peer hung up" : "the peer hung up: " + Why);
    return false;
  }
  auto Next = Client.handleMessage(Kind, Sequence, ExecutorAddr(Tag), std::move(Payload));
  if (!Next)
    return Next.takeError();
  return *Next == SimpleRemoteEPCTransportClient::ContinueSession;
}

} // namespace halo
