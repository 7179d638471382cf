// Front: the conversation with the front: one JSON object a line each way, over one socket.
#ifndef HALO_INTERPRETER_FRONT_H
#define HALO_INTERPRETER_FRONT_H

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

#include <optional>
#include <string>

namespace halo {

class Front {
public:
  explicit Front(int Descriptor) : Descriptor(Descriptor) {}

  // The next request; nothing once the front has hung up. Waits.
  llvm::Expected<std::optional<llvm::json::Object>> receive();
  // Whether there is one, or will be within that time; also once the front has hung up.
  bool hasRequest(int Milliseconds);
  llvm::Error send(llvm::json::Object Message);
  // Goes on with another connection; what has come from the old one is dropped.
  void reconnect(int Descriptor);

private:
  int Descriptor;
  std::string Inbox;
  size_t Searched = 0; // of the inbox, without finding the end of a line
};

} // namespace halo

#endif
