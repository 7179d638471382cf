#include "Overrides.h"

#include "llvm/Support/CommandLine.h"

using namespace llvm;

namespace halo {
namespace {

std::shared_mutex Lock;

// These print and leave the process; a worker's death would be a poor way to say so.
bool endsProcess(StringRef Name) {
  return Name.starts_with("help") || Name == "version" || Name.starts_with("print-") || Name == "h";
}

} // namespace

Overrides::Overrides(const Recipe &R) {
  if (R.Settings.empty() && !R.Polly && R.RegisterAllocator.empty())
    Shared = std::shared_lock(Lock);
  else
    Alone = std::unique_lock(Lock);
}

Error Overrides::set(const Recipe &R) {
  Recipe::Words Wanted = R.Settings;
  if (R.Polly)
    Wanted["polly"] = "true";
  auto &Known = cl::getRegisteredOptions();
  for (const auto &[Name, Value] : Wanted) {
    auto At = Known.find(Name);
    if (At == Known.end() || endsProcess(Name))
      return createStringError("LLVM has no option \"" + Name + "\"");
    cl::Option &Option = *At->second;
    Changed.push_back(&Option);
    SmallVector<StringRef> Words{Value};
    if (Option.getMiscFlags() & cl::CommaSeparated) {
      Words.clear();
      StringRef(Value).split(Words, ',');
    }
    for (StringRef Word : Words)
      if (Option.addOccurrence(1, Name, Word))
        return createStringError("LLVM's option \"" + Name + "\" can not be \"" + Value + "\"");
  }
  return Error::success();
}

Overrides::~Overrides() {
  for (cl::Option *Option : Changed)
    Option->reset();
}

} // namespace halo
