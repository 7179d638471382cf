// Embed.cpp: bitcode, compression, digest, options; written as image.h lays them out.
//
// In: the module at the pipeline's start, after GlobalOpt. Out: a private constant in section
// halo_bitcode. It is in llvm.used: the section is kept by linkers (SHF_GNU_RETAIN) and by strip.
#include "Embed.h"

#include "halo/image.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/DebugInfo.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Support/Compression.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

#include <cstring>
#include <memory>

using namespace llvm;

namespace halo {

void nameGlobals(Module &M) {
  for (GlobalValue &GV : M.global_values())
    if (!GV.hasName())
      GV.setName("__halo_unnamed");
}

void declareInvented(Module &M) {
  for (const Function &F : M)
    for (const BasicBlock &Block : F)
      if (isa<ResumeInst>(Block.getTerminator())) {
        M.getOrInsertFunction("_Unwind_Resume", Type::getVoidTy(M.getContext()),
                              PointerType::get(M.getContext(), 0));
        return;
      }
}

bool isEmbedded(const Module &M) {
  for (const GlobalVariable &GV : M.globals())
    if (GV.hasSection() && GV.getSection() == HALO_BITCODE_SECTION)
      return true;
  return false;
}

static StringRef describeLevel(OptimizationLevel Level) {
  if (Level.getSizeLevel() == 2)
    return "z";
  if (Level.getSizeLevel() == 1)
    return "s";
  static constexpr StringRef Names[] = {"0", "1", "2", "3"};
  return Names[Level.getSpeedupLevel() & 3];
}

/// The value of a target attribute that most functions have: what the code was compiled for.
static std::string findCommonAttribute(const Module &M, StringRef Name) {
  StringMap<unsigned> Counts;
  StringRef Best;
  for (const Function &F : M) {
    if (F.isDeclaration())
      continue;
    StringRef Value = F.getFnAttribute(Name).getValueAsString();
    unsigned Count = ++Counts[Value];
    if (Count > Counts.lookup(Best) || Value == Best)
      Best = Counts.find(Value)->first();
  }
  return Best.str();
}

static bool hasFlag(const Module &M, StringRef Name) {
  const auto *Value = mdconst::dyn_extract_or_null<ConstantInt>(M.getModuleFlag(Name));
  return Value && !Value->isZero();
}

static StringRef describeCodeModel(const Module &M) {
  switch (M.getCodeModel().value_or(CodeModel::Small)) {
  case CodeModel::Tiny:
    return "tiny";
  case CodeModel::Small:
    return "small";
  case CodeModel::Kernel:
    return "kernel";
  case CodeModel::Medium:
    return "medium";
  case CodeModel::Large:
    return "large";
  }
  return "small";
}

static std::string describeOptions(const Module &M, OptimizationLevel Level) {
  std::string Text;
  raw_string_ostream OS(Text);
  OS << "opt-level=" << describeLevel(Level) << '\n';
  OS << "cpu=" << findCommonAttribute(M, "target-cpu") << '\n';
  OS << "features=" << findCommonAttribute(M, "target-features") << '\n';
  OS << "tune-cpu=" << findCommonAttribute(M, "tune-cpu") << '\n';
  OS << "pic-level=" << static_cast<unsigned>(M.getPICLevel()) << '\n';
  OS << "pie-level=" << static_cast<unsigned>(M.getPIELevel()) << '\n';
  OS << "code-model=" << describeCodeModel(M) << '\n';
  OS << "cf-protection=" << (hasFlag(M, "cf-protection-branch") ? "branch" : "")
     << (hasFlag(M, "cf-protection-return") ? "return" : "") << '\n';
  // The name only: the same file in another directory is the same build.
  std::string Source = sys::path::filename(M.getSourceFileName()).str();
  for (char &C : Source)
    if (C == '\n')
      C = '?';
  OS << "source=" << Source << '\n';
  return Text;
}

/// Ordinals as image.h counts them, from the module that is written.
static void numberGlobals(const Module &M, ModuleState &State) {
  uint32_t Next = 0;
  auto Number = [&](const GlobalValue &GV) -> Remembered & {
    Remembered &R = State.Globals[GV.getName()];
    R.Ordinal = Next++;
    R.ValueType = GV.getValueType();
    return R;
  };
  for (const GlobalVariable &GV : M.globals()) {
    Remembered &R = Number(GV);
    R.IsConstant = GV.isConstant();
    R.IsLiteral = GV.isConstant() && GV.hasPrivateLinkage() && GV.hasGlobalUnnamedAddr();
  }
  for (const Function &F : M)
    Number(F);
  for (const GlobalAlias &A : M.aliases())
    Number(A);
  for (const GlobalIFunc &I : M.ifuncs())
    Number(I);
}

static SmallVector<char, 0> writeFrame(StringRef Raw, StringRef Options, const uint8_t *Digest) {
  SmallVector<uint8_t, 0> Compressed;
  ArrayRef<uint8_t> Payload = arrayRefFromStringRef(Raw);
  uint32_t Compression = HALO_COMPRESSION_NONE;
  if (compression::zstd::isAvailable()) {
    compression::zstd::compress(Payload, Compressed);
    Payload = Compressed;
    Compression = HALO_COMPRESSION_ZSTD;
  }
  struct halo_bitcode_frame Header = {};
  std::memcpy(Header.magic, HALO_BITCODE_MAGIC, sizeof Header.magic);
  Header.format = HALO_BITCODE_FORMAT;
  Header.compression = Compression;
  Header.llvm_major = LLVM_VERSION_MAJOR;
  Header.llvm_minor = LLVM_VERSION_MINOR;
  Header.stored_bytes = Payload.size();
  Header.raw_bytes = Raw.size();
  Header.options_bytes = static_cast<uint32_t>(Options.size());
  std::memcpy(Header.digest, Digest, sizeof Header.digest);

  SmallVector<char, 0> Frame;
  Frame.append(reinterpret_cast<char *>(&Header), reinterpret_cast<char *>(&Header + 1));
  Frame.append(Options.begin(), Options.end());
  Frame.append(Payload.begin(), Payload.end());
  return Frame;
}

void embedModule(Module &M, OptimizationLevel Level, ModuleState &State) {
  std::unique_ptr<Module> Stripped;
  const Module *Written = &M;
  if (M.getNamedMetadata("llvm.dbg.cu")) {
    Stripped = CloneModule(M);
    StripDebugInfo(*Stripped);
    Written = Stripped.get();
  }
  SmallVector<char, 0> Raw;
  raw_svector_ostream OS(Raw);
  WriteBitcodeToFile(*Written, OS);
  numberGlobals(*Written, State);

  StringRef Text(Raw.data(), Raw.size());
  auto Digest = SHA256::hash(arrayRefFromStringRef(Text));
  State.Id = support::endian::read64le(Digest.data());
  SmallVector<char, 0> Frame = writeFrame(Text, describeOptions(M, Level), Digest.data());

  auto *Bytes = ConstantDataArray::getString(M.getContext(), StringRef(Frame.data(), Frame.size()),
                                             /*AddNull=*/false);
  auto *Holder = new GlobalVariable(M, Bytes->getType(), /*isConstant=*/true, GlobalValue::PrivateLinkage,
                                    Bytes, "halo.bitcode");
  Holder->setSection(HALO_BITCODE_SECTION);
  Holder->setAlignment(Align(8));
  appendToUsed(M, {Holder});
}

} // namespace halo
