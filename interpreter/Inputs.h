// Inputs: each is compiled, linked and run, and what came of it is told.
//
// In: requests of the front, {"run": source} or {"call": function's symbol}, with
//   form, data    of its value, and bytes that it may take (Values.h)
//   look, pure    it may be, or must be, an expression that changes nothing
//   again         what an earlier try asked for (Redefinition.h, Captures.h)
//   careful       there is nothing to go back to: what does not compile must not be tried where it harms
//   missed        symbols that no library has (Libraries.h)
// Out: a JSON object:
//   diagnostics, compiled      harmless: it has not compiled, and this process is as it was
//   again, clash               of one that has not compiled (Redefinition.h)
//   error                      it could not be linked or run
//   value, exception, missed   pure: it has changed nothing
// Knows nothing of the front, nor of frozen copies.
#ifndef HALO_INTERPRETER_INPUTS_H
#define HALO_INTERPRETER_INPUTS_H

#include "Captures.h"
#include "Compiler.h"
#include "Engine.h"
#include "Libraries.h"
#include "Redefinition.h"
#include "Values.h"

#include "llvm/Support/JSON.h"

#include <functional>
#include <optional>
#include <string>

namespace halo {

class Inputs {
public:
  Inputs(halo::Engine &Engine, halo::Compiler &Compiler, halo::Values &Values, halo::Redefinition &Again,
         halo::Libraries &Libraries)
      : Engine(Engine), Compiler(Compiler), Values(Values), Again(Again), Libraries(Libraries),
        Captures(Compiler) {}

  // Until the front lets run what it has asked for with "waits"; not called where nothing will run.
  std::function<llvm::Error()> AwaitGo;

  // Handlers of the executor's calls.
  llvm::Error serve();

  llvm::json::Object run(llvm::StringRef Source, const llvm::json::Object &Request);
  // A function that an input has made for it, as an input of its own.
  llvm::json::Object call(llvm::StringRef Function, const llvm::json::Object &Request);
  // Of an input that does not compile, in its midst too. What it leaves of clang is not to be used again.
  llvm::json::Object failure();
  // The last one is worth keeping.
  bool isGood() const { return IsGood; }

private:
  struct Caught {
    std::string Type, What;
  };
  void expect(const llvm::json::Object &Request);
  llvm::json::Object tryInCopy(llvm::StringRef Source, const llvm::json::Object &Changes);
  void tellLink(llvm::json::Object &Answer, llvm::Error Failure);
  void tellResult(llvm::json::Object &Answer);

  halo::Engine &Engine;
  halo::Compiler &Compiler;
  halo::Values &Values;
  halo::Redefinition &Again;
  halo::Libraries &Libraries;
  halo::Captures Captures;
  std::optional<Caught> Exception;
  bool IsGood = true;
  bool MayBePure = false, MustBePure = false;
};

} // namespace halo

#endif
