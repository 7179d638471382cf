// Frames: a `halo_bitcode` section as bytes -> checked, decompressed bitcode modules.
//
// In: the whole section of one image, as the linker concatenated it (runtime/include/halo/image.h).
// Out: one Frame a translation unit. Knows nothing of IR. The bytes come from other people's
// programs: every length is bounded before use, the digest is verified, and an Error names what
// was wrong and where.
#ifndef HALO_NATIVE_FRAMES_H
#define HALO_NATIVE_FRAMES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace halo {

struct Frame {
  uint64_t Module = 0; // module id: the first 8 bytes of the digest, little-endian
  std::array<uint8_t, 16> Digest{};
  llvm::StringMap<std::string> Options; // "cpu", "features", "opt-level"; others are ignored
  llvm::SmallVector<uint8_t, 0> Bitcode;
};

llvm::Expected<std::vector<Frame>> readFrames(llvm::ArrayRef<uint8_t> Section);

} // namespace halo

#endif
