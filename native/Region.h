// Region: cuts a region out of the loaded image.
//
// Before: the image's module, loaded lazily. After: copies of the region's functions (`NAME.halo`;
// roots visible to the linker), constants whose contents are known, and declarations of all that
// is the program's. A declared name is the image's name of it, so that Image::candidates says
// where its address is listed; thread-local variables that need an accessor are `NAME.tls`.
//
//     direct calls                -> the region's own copies
//     a function as a value       -> the program's function (its body is known: calls through
//                                    it can still be inlined)
//     variables                   -> the program's
//     constants, literals         -> the program's, contents known
//     jump tables                 -> copies
//     what the program dropped    -> copies, whose addresses may be taken: nobody has another
//
// Of an image whose table is not known literals are copied, and contents that lead to them are not
// known.
#ifndef HALO_NATIVE_REGION_H
#define HALO_NATIVE_REGION_H

#include "Image.h"
#include "Walk.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/IR/Module.h"

#include <map>

namespace halo {

using TlsOffsets = std::map<Candidate, int64_t>;

struct Region {
  std::vector<std::string> Functions;                      // the image's names, roots first
  std::map<std::string, std::vector<Candidate>> Accessors; // NAME.tls -> where it is listed
};

// Likely members are declared, with their bodies known, even if nothing in the region names them.
llvm::Expected<Region> extract(const Image &I, llvm::Module &M, llvm::ArrayRef<std::string> Roots,
                               const Wanted &Members, const TlsOffsets &Offsets);

// The symbol of a function's copy.
inline std::string copyName(llvm::StringRef Name) { return (Name + ".halo").str(); }

} // namespace halo

#endif
