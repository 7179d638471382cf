#include "Recipe.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace llvm;

namespace halo {
namespace {

Error refuse(StringRef Key, const Twine &What, StringRef Value) {
  return createStringError("option \"" + Key + "\" is " + What + ", not \"" + Value + "\"");
}

Error readSwitch(StringRef Key, StringRef Value, bool &Into) {
  bool IsOn = Value == "on" || Value == "1" || Value == "true";
  if (!IsOn && Value != "off" && Value != "0" && Value != "false")
    return refuse(Key, "\"on\" or \"off\"", Value);
  Into = IsOn;
  return Error::success();
}

template <typename T> Error readNumber(StringRef Key, StringRef Value, unsigned Most, T &Into) {
  unsigned Number = 0;
  if (Value.getAsInteger(10, Number) || Number > Most)
    return refuse(Key, formatv("0..{0}", Most).str(), Value);
  Into = Number;
  return Error::success();
}

Error readWord(StringRef Key, StringRef Value, ArrayRef<StringRef> Known) {
  return is_contained(Known, Value) ? Error::success() : refuse(Key, "one of " + join(Known, ", "), Value);
}

Error readOption(Recipe &R, StringRef Key, const std::string &Value) {
  const std::map<StringRef, bool *> Switches = {{"vectorize", &R.Vectorize}, {"slp", &R.Slp},
                                                {"unroll", &R.Unroll},       {"interleave", &R.Interleave},
                                                {"loop-fusion", &R.Fusion},  {"polly", &R.Polly}};
  if (auto At = Switches.find(Key); At != Switches.end())
    return readSwitch(Key, Value, *At->second);
  if (Key == "inline-threshold")
    return readNumber(Key, Value, 100000, R.InlineThreshold);
  if (Key == "region-limit")
    return readNumber(Key, Value, ~0U, R.RegionLimit);
  if (Key == "align-loops") {
    if (Error E = readNumber(Key, Value, 4096, R.LoopAlignment))
      return E;
    return !R.LoopAlignment || isPowerOf2_32(R.LoopAlignment) ? Error::success()
                                                              : refuse(Key, "a power of two", Value);
  }
  if (Key == "prefer-vector-width") {
    unsigned Bits = 0;
    R.Attributes["prefer-vector-width"] = Value;
    return readNumber(Key, Value, 4096, Bits);
  }
  if (Key == "regalloc") {
    R.RegisterAllocator = Value;
    return readWord(Key, Value, {"greedy", "basic"});
  }
  if (Key == "fp") {
    R.Rounding = Value == "fast"       ? FloatingPoint::Fast
                 : Value == "contract" ? FloatingPoint::Contract
                                       : FloatingPoint::Strict;
    return readWord(Key, Value, {"strict", "contract", "fast"});
  }
  if (Key == "features") {
    R.MoreFeatures = Value;
    return Error::success();
  }
  if (Key == "passes") {
    R.Passes = Value;
    return Error::success();
  }
  if (Key.consume_front("passes.")) {
    R.Places[Key.str()] = Value;
    return readWord("passes." + Key.str(), Value.empty() ? "" : Key,
                    {"scalar-late", "vectorizer-start", "optimizer-last"});
  }
  if (Key.consume_front("attr.") && !Key.empty()) {
    R.Attributes[Key.str()] = Value;
    return Error::success();
  }
  if (Key.consume_front("llvm.") && !Key.empty()) {
    R.Settings[Key.str()] = Value;
    return Error::success();
  }
  return createStringError("unknown option \"" + Key + "\"");
}

} // namespace

Expected<Recipe> Recipe::parse(std::string Cpu, std::string Features, int Level, const Words &Options) {
  Recipe R;
  R.Cpu = std::move(Cpu);
  R.Features = std::move(Features);
  if (Level < 0 || Level > 3)
    return createStringError(formatv("level {0} is not in 0..3", Level));
  R.Level = Level;
  for (const auto &[Key, Value] : Options)
    if (Error E = readOption(R, Key, Value))
      return std::move(E);
  return std::move(R);
}

} // namespace halo
