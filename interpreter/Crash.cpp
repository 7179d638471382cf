#include "Crash.h"

#include "llvm/Demangle/Demangle.h"
#include "llvm/Support/Endian.h"

using namespace llvm;

namespace halo {

constexpr size_t HeadBytes = 24, FrameBytes = 96, NameBytes = 88; // of executor/crash.h

// What a front has made for a call: `__halo_function_N` and its only lambda; what runs initializers.
static bool isOurs(StringRef Function) {
  return Function.starts_with("_GLOBAL__sub_I_") || Function.ends_with("$_08__invokeEv") ||
         (Function.contains("__halo_function_") && Function.ends_with("$_0clEv"));
}

static std::string nameFor(const std::string &Function, uint64_t Address) {
  if (Function.empty())
    return "0x" + utohexstr(Address, /*LowerCase=*/true);
  bool IsInput = StringRef(Function).starts_with("__stmts__") ||
                 StringRef(Function).starts_with("__cxx_global_var_init");
  return IsInput ? "the input" : demangle(Function);
}

json::Object crash(ArrayRef<char> Message, const Places &Known, const Compiler &C) {
  json::Array Frames;
  size_t Inputs = 0; // frames up to the last of them
  for (size_t At = HeadBytes; At + FrameBytes <= Message.size(); At += FrameBytes) {
    uint64_t Address = support::endian::read64le(Message.data() + At);
    StringRef Name(Message.data() + At + 8, strnlen(Message.data() + At + 8, NameBytes));
    auto Place = Known.find(Address, /*IsReturn=*/At != HeadBytes);
    // What lies below an input's own functions is of no interest to who wrote it.
    if (Place && Place->Function == "__halo_guard")
      break;
    std::string Function = Place ? Place->Function : Name.str();
    if (isOurs(Function))
      continue;
    json::Object Frame{{"function", nameFor(Function, Address)}};
    if (Place && !Place->File.empty()) {
      Frame["file"] = C.nameOf(Place->File);
      Frame["line"] = Place->Line;
    }
    Frames.push_back(std::move(Frame));
    if (Place)
      Inputs = Frames.size();
  }
  // Nor what has called the outermost of them.
  while (Inputs && Frames.size() > Inputs)
    Frames.pop_back();
  return json::Object{{"frames", std::move(Frames)}};
}

} // namespace halo
