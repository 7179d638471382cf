// Conversation: the front asks, and is answered, until it hangs up.
//
// In: requests, each with the name of what is asked for: inputs (Inputs.h), questions, the end. Out: an
// answer to every request, a JSON object; between them, where an input has crashed. After an input that
// is worth keeping, and has a commit's number, a frozen copy of the executor and of this process.
#ifndef HALO_INTERPRETER_CONVERSATION_H
#define HALO_INTERPRETER_CONVERSATION_H

#include "Front.h"
#include "Inputs.h"
#include "Pages.h"
#include "Warmup.h"

#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace halo {

class Conversation {
public:
  // The front hears of crashes from now on.
  Conversation(halo::Front &Front, halo::Engine &Engine, halo::Compiler &Compiler, halo::Values &Values,
               halo::Redefinition &Again, halo::Libraries &Libraries, bool HasCache);

  // After the inputs that are ours: the front hears of every exception, and of input that is hopeless.
  llvm::Error prepare();
  // Until the front hangs up.
  llvm::Error hold();

private:
  // Of: the text that the request's name has. Nothing: how the executor ended is its keeper's to tell.
  using Handler =
      std::function<std::optional<llvm::json::Object>(llvm::StringRef Of, const llvm::json::Object &Request)>;

  std::vector<std::pair<llvm::StringRef, Handler>> handlers();
  llvm::json::Object unlessBroken(llvm::json::Object Answer);
  llvm::json::Object isComplete(llvm::StringRef Text);
  llvm::json::Object load(llvm::StringRef Library);
  std::optional<llvm::json::Object> end();
  llvm::Error freeze(uint64_t Id);
  llvm::Error awaitGo();
  [[noreturn]] void giveUp();

  halo::Front &Front;
  halo::Engine &Engine;
  halo::Compiler &Compiler;
  halo::Values &Values;
  halo::Libraries &Libraries;
  halo::Inputs Inputs;
  halo::Warmup Warmup;
  halo::Pages Pages;
  bool IsTyped = false; // requests do not come one right after the other
  std::vector<std::pair<llvm::StringRef, Handler>> Handlers = handlers();
};

} // namespace halo

#endif
