// Session: LLVM's ORC over one connected socket: calls, links, and calls from the other side.
//
// In-place dispatch: what a message causes happens on the wire's thread, and nothing there waits
// for another message. Results come through callbacks, exactly once each, from whichever thread
// noticed; when the connection ends all that wait get an error. Every member is thread-safe. The
// executor's memory is never released by a session that ends: its code may be running.
#ifndef HALO_NATIVE_SESSION_H
#define HALO_NATIVE_SESSION_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/FunctionExtras.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace halo {

using LinkMap = std::map<std::string, std::pair<uint64_t, uint64_t>>; // name -> address, size

class Session {
public:
  using CallDone = llvm::unique_function<void(llvm::Expected<llvm::ArrayRef<char>>)>;
  using LinkDone = llvm::unique_function<void(llvm::Expected<LinkMap>)>;
  using Handler = llvm::unique_function<llvm::Expected<std::string>(llvm::ArrayRef<char>)>;

  // Takes the socket over, also on failure. Waits for the peer's Setup, at most 10 s.
  static llvm::Expected<std::unique_ptr<Session>>
  open(int Descriptor, llvm::unique_function<void(const std::string &)> Closed);
  // Waits until the last callback has returned, except on the wire's own thread.
  ~Session();

  std::string triple() const;
  uint64_t pageBytes() const;
  std::map<std::string, uint64_t> symbols() const;
  bool isOpen() const;

  void call(uint64_t Address, llvm::ArrayRef<char> Arguments, CallDone Done);
  // An Error: the object can not even be read; then Done is not called.
  llvm::Error link(llvm::StringRef Data, const std::map<std::string, uint64_t> &Symbols, uint64_t Arena,
                   bool IsDebug, LinkDone Done);
  llvm::Error serve(const std::string &Name, Handler Serve);
  void close();
  // After close: waits for the end of the wire's thread's work. Not on that thread.
  void waitClosed();

private:
  struct State;
  explicit Session(std::unique_ptr<State> S);
  std::unique_ptr<State> S;
};

} // namespace halo

#endif
