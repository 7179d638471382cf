// The bitcode is that of a clone without debug information: what the controller compiles again needs no line
// tables, and they are most of the size at -g.

#include "Bitcode.h"
#include "halo/image.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/DebugInfo.h"
#include "llvm/Support/Compression.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

using namespace llvm;

namespace halo {
namespace {

Embedded numberGlobals(Module &M) {
  Embedded Result;
  uint32_t Ordinal = 0;
  auto Number = [&](GlobalValue &Value) {
    if (!Value.hasName())
      Value.setName("halo.unnamed");
    const auto *Variable = dyn_cast<GlobalVariable>(&Value);
    Result.Names[Value.getName()] = {Ordinal++, Value.getValueType(), Variable && Variable->isConstant()};
  };
  for (GlobalVariable &Variable : M.globals())
    Number(Variable);
  for (Function &F : M)
    Number(F);
  for (GlobalAlias &Alias : M.aliases())
    Number(Alias);
  for (GlobalIFunc &IFunc : M.ifuncs())
    Number(IFunc);
  return Result;
}

/// The attribute's most common value: what the command line said, unless most functions say otherwise.
StringRef commonAttribute(const Module &M, StringRef Name) {
  StringMap<unsigned> Votes;
  for (const Function &F : M)
    if (!F.isDeclaration())
      ++Votes[F.getFnAttribute(Name).getValueAsString()];
  StringRef Best;
  unsigned Most = 0;
  for (const auto &Vote : Votes)
    if (Vote.second > Most || (Vote.second == Most && Vote.first() < Best)) {
      Best = Vote.first();
      Most = Vote.second;
    }
  for (const Function &F : M) // a reference that outlives the votes
    if (F.getFnAttribute(Name).getValueAsString() == Best)
      return F.getFnAttribute(Name).getValueAsString();
  return "";
}

std::string describeOptions(const Module &M, OptimizationLevel Level) {
  std::string Text;
  raw_string_ostream Out(Text);
  Out << "opt-level=";
  if (Level.getSizeLevel())
    Out << (Level.getSizeLevel() == 1 ? 's' : 'z');
  else
    Out << Level.getSpeedupLevel();
  Out << "\ncpu=" << commonAttribute(M, "target-cpu")
      << "\nfeatures=" << commonAttribute(M, "target-features")
      << "\ntune-cpu=" << commonAttribute(M, "tune-cpu") << "\npic-level=" << unsigned(M.getPICLevel())
      << "\npie-level=" << unsigned(M.getPIELevel())
      << "\nsource=" << sys::path::filename(M.getSourceFileName()) << '\n';
  return Text;
}

template <typename T> void append(SmallVectorImpl<char> &Out, const T &Value) {
  const auto *Bytes = reinterpret_cast<const char *>(&Value);
  Out.append(Bytes, Bytes + sizeof(T));
}

} // namespace

Embedded embedBitcode(Module &M, OptimizationLevel Level) {
  Embedded Result = numberGlobals(M);

  SmallVector<char, 0> Raw;
  {
    std::unique_ptr<Module> Clone = CloneModule(M);
    StripDebugInfo(*Clone);
    raw_svector_ostream Out(Raw);
    WriteBitcodeToFile(*Clone, Out);
  }
  ArrayRef<uint8_t> RawBytes(reinterpret_cast<const uint8_t *>(Raw.data()), Raw.size());
  const auto Digest = SHA256::hash(RawBytes);
  SmallVector<uint8_t, 0> Stored(RawBytes);
  const bool Compresses = compression::zstd::isAvailable();
  if (Compresses)
    compression::zstd::compress(RawBytes, Stored);
  const std::string Options = describeOptions(M, Level);

  halo_bitcode_frame Header = {};
  std::memcpy(Header.magic, HALO_BITCODE_MAGIC, sizeof Header.magic);
  Header.format = HALO_BITCODE_FORMAT;
  Header.compression = Compresses ? HALO_COMPRESSION_ZSTD : HALO_COMPRESSION_NONE;
  Header.llvm_major = LLVM_VERSION_MAJOR;
  Header.llvm_minor = LLVM_VERSION_MINOR;
  Header.stored_bytes = Stored.size();
  Header.raw_bytes = Raw.size();
  Header.options_bytes = static_cast<uint32_t>(Options.size());
  std::memcpy(Header.digest, Digest.data(), sizeof Header.digest);
  std::memcpy(&Result.Module, Header.digest, sizeof Result.Module);

  SmallVector<char, 0> Frame;
  append(Frame, Header);
  Frame.append(Options.begin(), Options.end());
  Frame.append(Stored.begin(), Stored.end());
  Frame.resize(alignTo(Frame.size(), 8));

  auto *Contents = ConstantDataArray::getString(M.getContext(), StringRef(Frame.data(), Frame.size()), false);
  auto *Variable = new GlobalVariable(M, Contents->getType(), /*isConstant=*/true,
                                      GlobalValue::PrivateLinkage, Contents, "halo.bitcode");
  Variable->setSection(HALO_BITCODE_SECTION);
  Variable->setAlignment(Align(8));
  appendToUsed(M, {Variable});
  return Result;
}

} // namespace halo
