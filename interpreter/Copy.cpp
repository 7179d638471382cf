#include "Copy.h"

#include <cerrno>
#include <csignal>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace llvm;

namespace halo {

constexpr unsigned LimitSeconds = 2;
static int CopysEnd = -1; // of the pipe to who asked

bool isCopy() { return CopysEnd >= 0; }

void leaveCopy(StringRef Result) {
  for (size_t Sent = 0; Sent < Result.size();) {
    ssize_t Bytes = write(CopysEnd, Result.data() + Sent, Result.size() - Sent);
    if (Bytes < 0 && errno != EINTR)
      _exit(1);
    Sent += static_cast<size_t>(Bytes > 0 ? Bytes : 0);
  }
  _exit(0);
}

std::optional<std::string> inCopy(llvm::function_ref<std::string()> Work) {
  int Ends[2];
  if (pipe(Ends) != 0)
    return std::nullopt;
  pid_t Child = fork();
  if (Child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::signal(SIGALRM, SIG_DFL);
    alarm(LimitSeconds);
    CopysEnd = Ends[1];
    leaveCopy(Work());
  }
  close(Ends[1]);
  std::string Result;
  char Piece[65536];
  for (ssize_t Bytes; Child > 0 && (Bytes = read(Ends[0], Piece, sizeof Piece)) != 0;)
    if (Bytes > 0)
      Result.append(Piece, static_cast<size_t>(Bytes));
    else if (errno != EINTR)
      break;
  close(Ends[0]);
  int Status = 0;
  while (Child > 0 && waitpid(Child, &Status, 0) < 0 && errno == EINTR)
    ;
  if (Child < 0 || !WIFEXITED(Status) || WEXITSTATUS(Status) != 0)
    return std::nullopt;
  return Result;
}

json::Object objectInCopy(function_ref<json::Object()> Work) {
  auto Text = inCopy([&] {
    std::string Line;
    raw_string_ostream(Line) << json::Value(Work());
    return Line;
  });
  auto Value = json::parse(Text.value_or("{}"));
  if (!Value) {
    consumeError(Value.takeError());
    return {};
  }
  json::Object *Fields = Value->getAsObject();
  return Fields ? std::move(*Fields) : json::Object();
}

} // namespace halo
