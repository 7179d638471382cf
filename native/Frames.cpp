#include "Frames.h"

#include "halo/image.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/Compression.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/SHA256.h"

#include <cstddef>
#include <cstring>

using namespace llvm;

namespace halo {
namespace {

// One translation unit's bitcode is a few MiB; the limit only keeps a corrupt header from asking
// for all memory.
constexpr uint64_t RawLimitBytes = uint64_t(1) << 30;

Error corrupt(size_t Offset, const Twine &What) {
  return createStringError(formatv("halo_bitcode at offset {0}: {1}", Offset, What.str()).str());
}

Error readOptions(StringRef Text, size_t Offset, StringMap<std::string> &Options) {
  while (!Text.empty()) {
    auto [Line, Rest] = Text.split('\n');
    auto [Key, Value] = Line.split('=');
    if (Line.size() == Text.size() || Key.size() == Line.size() || Key.empty())
      return corrupt(Offset, "an option line is not \"key=value\"");
    Options[Key] = Value.str();
    Text = Rest;
  }
  return Error::success();
}

Error readPayload(ArrayRef<uint8_t> Stored, const halo_bitcode_frame &Header, size_t Offset,
                  SmallVector<uint8_t, 0> &Raw) {
  if (Header.compression == HALO_COMPRESSION_NONE) {
    if (Header.stored_bytes != Header.raw_bytes)
      return corrupt(Offset, formatv("{0} bytes stored without compression, {1} promised",
                                     Header.stored_bytes, Header.raw_bytes));
    Raw.append(Stored.begin(), Stored.end());
    return Error::success();
  }
  if (Header.compression != HALO_COMPRESSION_ZSTD)
    return corrupt(Offset, formatv("unknown compression {0}", Header.compression));
  if (!compression::zstd::isAvailable())
    return corrupt(Offset, "compressed with zstd, which this LLVM lacks");
  Raw.resize_for_overwrite(Header.raw_bytes);
  size_t Bytes = Raw.size();
  if (Error E = compression::zstd::decompress(Stored, Raw.data(), Bytes))
    return corrupt(Offset, "can not be decompressed: " + toString(std::move(E)));
  if (Bytes != Header.raw_bytes)
    return corrupt(Offset, formatv("{0} bytes decompressed, {1} promised", Bytes, Header.raw_bytes));
  return Error::success();
}

Error checkHeader(const halo_bitcode_frame &Header, size_t Offset, size_t Left) {
  if (memcmp(Header.magic, HALO_BITCODE_MAGIC, sizeof Header.magic) != 0)
    return corrupt(Offset, "no frame starts here (bad magic)");
  if (Header.format != HALO_BITCODE_FORMAT)
    return corrupt(Offset, formatv("format {0}; this Halo reads {1}", Header.format, HALO_BITCODE_FORMAT));
  if (Header.llvm_major != LLVM_VERSION_MAJOR)
    return corrupt(Offset, formatv("written by LLVM {0}.{1}; this Halo reads bitcode of LLVM {2}",
                                   Header.llvm_major, Header.llvm_minor, LLVM_VERSION_MAJOR));
  if (Header.reserved != 0)
    return corrupt(Offset, "a reserved field is not zero");
  if (Header.options_bytes > Left || Header.stored_bytes > Left - Header.options_bytes)
    return corrupt(Offset, formatv("truncated: {0} bytes of payload, {1} left in the section",
                                   Header.stored_bytes, Left));
  if (Header.raw_bytes > RawLimitBytes)
    return corrupt(Offset,
                   formatv("{0} bytes of bitcode, the limit is {1}", Header.raw_bytes, RawLimitBytes));
  return Error::success();
}

} // namespace

Expected<std::vector<Frame>> readFrames(ArrayRef<uint8_t> Section) {
  std::vector<Frame> Frames;
  for (size_t At = 0; At < Section.size();) {
    if (Section[At] == 0) { // padding between frames
      ++At;
      continue;
    }
    if (Section.size() - At < sizeof(halo_bitcode_frame))
      return corrupt(At, "truncated in a frame's header");
    halo_bitcode_frame Header;
    memcpy(&Header, Section.data() + At, sizeof Header);
    size_t Begin = At;
    At += sizeof Header;
    if (Error E = checkHeader(Header, Begin, Section.size() - At))
      return std::move(E);

    Frame F;
    auto Options = Section.slice(At, Header.options_bytes);
    if (Error E = readOptions(toStringRef(Options), Begin, F.Options))
      return std::move(E);
    At += Header.options_bytes;
    if (Error E = readPayload(Section.slice(At, Header.stored_bytes), Header, Begin, F.Bitcode))
      return std::move(E);
    At += Header.stored_bytes;

    auto Hash = SHA256::hash(F.Bitcode);
    memcpy(F.Digest.data(), Header.digest, F.Digest.size());
    if (memcmp(Hash.data(), Header.digest, sizeof Header.digest) != 0)
      return corrupt(Begin, "the digest does not match the bitcode");
    F.Module = support::endian::read64le(F.Digest.data());
    Frames.push_back(std::move(F));
  }
  return std::move(Frames);
}

} // namespace halo
