#include "Front.h"

#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace llvm;

namespace halo {

Expected<std::optional<json::Object>> Front::receive() {
  size_t End;
  while ((End = Inbox.find('\n', Searched)) == std::string::npos) {
    Searched = Inbox.size();
    Inbox.resize(Searched + 65536);
    ssize_t Received = recv(Descriptor, Inbox.data() + Searched, 65536, 0);
    Inbox.resize(Searched + static_cast<size_t>(std::max<ssize_t>(Received, 0)));
    if (Received < 0 && errno == EINTR)
      continue;
    if (Received == 0 || (Received < 0 && errno == ECONNRESET))
      return std::nullopt;
    if (Received < 0)
      return createStringError(std::string("the front: ") + std::strerror(errno));
  }
  auto Message = json::parse(StringRef(Inbox).take_front(End));
  Inbox.erase(0, End + 1);
  Searched = 0;
  if (!Message)
    return Message.takeError();
  if (json::Object *Fields = Message->getAsObject())
    return std::move(*Fields);
  return createStringError("the front sent no object");
}

bool Front::hasRequest(int Milliseconds) {
  if (Inbox.find('\n', Searched) != std::string::npos)
    return true;
  pollfd Incoming = {Descriptor, POLLIN, 0};
  return poll(&Incoming, 1, Milliseconds) != 0;
}

Error Front::send(json::Object Message) {
  std::string Line;
  raw_string_ostream(Line) << json::Value(std::move(Message)) << '\n';
  for (StringRef Left = Line; !Left.empty();) {
    ssize_t Sent = ::send(Descriptor, Left.data(), Left.size(), MSG_NOSIGNAL);
    if (Sent < 0 && errno == EINTR)
      continue;
    if (Sent < 0)
      return createStringError(std::string("the front: ") + std::strerror(errno));
    Left = Left.drop_front(static_cast<size_t>(Sent));
  }
  return Error::success();
}

void Front::reconnect(int Next) {
  close(Descriptor);
  Descriptor = Next;
  Inbox.clear();
  Searched = 0;
}

} // namespace halo
