#include "Channel.h"

#include "Greeting.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"

#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

using namespace llvm;
using namespace llvm::orc;

namespace halo {
namespace {

constexpr size_t HeaderBytes = 32, InboxBytes = 64 * 1024;
constexpr uint64_t FrameLimitBytes = uint64_t(1) << 30;
constexpr int SetupLimitMilliseconds = 10000; // then a silent peer is no executor

Error systemError(const char *What, int Number) {
  return createStringError(std::string(What) + ": " + std::strerror(Number));
}

} // namespace

Expected<std::unique_ptr<Channel>> Channel::Create(SimpleRemoteEPCTransportClient &Client, int Descriptor,
                                                   Channel *&Self) {
  std::unique_ptr<Channel> Result(new Channel(Client, Descriptor));
  Self = Result.get();
  return Result;
}

Channel::~Channel() { disconnect(); }

Error Channel::start() {
  while (!HasSetup)
    if (Error E = handleNext(SetupLimitMilliseconds))
      return E;
  return Error::success();
}

void Channel::disconnect() {
  if (Descriptor >= 0)
    close(Descriptor);
  Descriptor = -1;
}

void Channel::hangUp() { shutdown(Descriptor, SHUT_RDWR); }

void Channel::reconnect(int Next) {
  disconnect();
  Descriptor = Next;
  Taken = Filled = 0;
  Unanswered.clear();
  IsBroken = false;
}

Error Channel::sendMessage(SimpleRemoteEPCOpcode Opcode, uint64_t Sequence, ExecutorAddr Tag,
                           ArrayRef<char> Arguments) {
  if (Opcode == SimpleRemoteEPCOpcode::Hangup)
    return Error::success();
  char Header[HeaderBytes];
  support::endian::write64le(Header, sizeof Header + Arguments.size());
  support::endian::write64le(Header + 8, static_cast<uint64_t>(Opcode));
  support::endian::write64le(Header + 16, Sequence);
  support::endian::write64le(Header + 24, Tag.getValue());
  iovec Parts[] = {{Header, sizeof Header}, {const_cast<char *>(Arguments.data()), Arguments.size()}};
  msghdr Message = {};
  Message.msg_iov = Parts;
  Message.msg_iovlen = Arguments.empty() ? 1 : 2;
  while (Message.msg_iovlen) {
    ssize_t Sent = sendmsg(Descriptor, &Message, MSG_NOSIGNAL);
    if (Sent < 0 && errno == EINTR)
      continue;
    IsBroken |= Sent < 0;
    if (Sent < 0)
      return systemError("the connection to the executor", errno);
    while (Message.msg_iovlen && static_cast<size_t>(Sent) >= Message.msg_iov->iov_len) {
      Sent -= static_cast<ssize_t>(Message.msg_iov->iov_len);
      ++Message.msg_iov;
      --Message.msg_iovlen;
    }
    if (Message.msg_iovlen) {
      Message.msg_iov->iov_base = static_cast<char *>(Message.msg_iov->iov_base) + Sent;
      Message.msg_iov->iov_len -= static_cast<size_t>(Sent);
    }
  }
  if (Opcode != SimpleRemoteEPCOpcode::CallWrapper)
    return Error::success();
  Unanswered.insert(Sequence);
  while (Unanswered.count(Sequence))
    if (Error E = handleNext(-1)) {
      IsBroken = true;
      return E;
    }
  return Error::success();
}

// Until the inbox holds that many bytes.
Error Channel::fill(size_t Bytes, int TimeoutMilliseconds) {
  if (Inbox.size() < InboxBytes)
    Inbox.resize(InboxBytes);
  if (Taken + Bytes > Inbox.size()) {
    std::memmove(Inbox.data(), Inbox.data() + Taken, Filled - Taken);
    Filled -= Taken;
    Taken = 0;
    if (Bytes > Inbox.size())
      Inbox.resize(Bytes);
  }
  while (Filled - Taken < Bytes) {
    if (TimeoutMilliseconds >= 0) {
      pollfd Waiting = {Descriptor, POLLIN, 0};
      int Ready = poll(&Waiting, 1, TimeoutMilliseconds);
      if (Ready == 0)
        return createStringError(formatv("the executor said nothing for {0} s", TimeoutMilliseconds / 1000));
      if (Ready < 0 && errno != EINTR)
        return systemError("poll", errno);
    }
    ssize_t Received = recv(Descriptor, Inbox.data() + Filled, Inbox.size() - Filled, 0);
    if (Received < 0 && errno == EINTR)
      continue;
    if (Received < 0)
      return systemError("the connection to the executor", errno);
    if (Received == 0)
      return createStringError("the executor hung up");
    Filled += static_cast<size_t>(Received);
  }
  return Error::success();
}

Error Channel::handleSetup(uint64_t Sequence, uint64_t Tag, ArrayRef<char> Payload) {
  if (Sequence || Tag)
    return createStringError("the peer is not an executor: it did not introduce itself");
  auto Checked = readGreeting(Payload, Symbols);
  if (!Checked)
    return createStringError("the peer is not an executor: " + toString(Checked.takeError()));
  HasSetup = true;
  return Client.handleMessage(SimpleRemoteEPCOpcode::Setup, 0, ExecutorAddr(), std::move(*Checked))
      .takeError();
}

Error Channel::handleNext(int TimeoutMilliseconds) {
  if (Error E = fill(HeaderBytes, TimeoutMilliseconds))
    return E;
  const char *Header = Inbox.data() + Taken;
  uint64_t Size = support::endian::read64le(Header), Opcode = support::endian::read64le(Header + 8);
  uint64_t Sequence = support::endian::read64le(Header + 16), Tag = support::endian::read64le(Header + 24);
  if (Size < HeaderBytes || Size > FrameLimitBytes)
    return createStringError(formatv("the executor sent a message of {0} bytes; {1} to {2} are possible",
                                     Size, HeaderBytes, FrameLimitBytes));
  if (Opcode > static_cast<uint64_t>(SimpleRemoteEPCOpcode::LastOpC))
    return createStringError(formatv("the executor sent an unknown message ({0})", Opcode));
  if (Error E = fill(Size, TimeoutMilliseconds))
    return E;
  ArrayRef<char> Payload(Inbox.data() + Taken + HeaderBytes, Size - HeaderBytes);
  auto Kind = static_cast<SimpleRemoteEPCOpcode>(Opcode);
  if (HasSetup == (Kind == SimpleRemoteEPCOpcode::Setup))
    return createStringError(HasSetup ? "the executor introduced itself twice"
                                      : "the peer is not an executor: it did not introduce itself");
  if (Kind == SimpleRemoteEPCOpcode::Setup) {
    Taken += Size;
    return handleSetup(Sequence, Tag, Payload);
  }
  if (Kind == SimpleRemoteEPCOpcode::Hangup) {
    std::string Why = readFarewell(Payload);
    return createStringError("the executor hung up" + (Why.empty() ? "" : ": " + Why));
  }
  // LLVM takes an unknown answer for a broken connection, and says so to nobody.
  if (Kind == SimpleRemoteEPCOpcode::Result && !Unanswered.erase(Sequence))
    return createStringError("the executor answered what was not asked");
  if (Kind == SimpleRemoteEPCOpcode::CallWrapper && !Tag) {
    Taken += Size;
    if (Crashed)
      Crashed(Payload);
    return Error::success();
  }
  auto Copy = shared::WrapperFunctionBuffer::copyFrom(Payload.data(), Payload.size());
  Taken += Size; // what is handled may read on
  return Client.handleMessage(Kind, Sequence, ExecutorAddr(Tag), std::move(Copy)).takeError();
}

} // namespace halo
