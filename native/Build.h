// Build: image + roots + recipe + profile -> object, a pure function.
//
// In: an Image and a Recipe. Out: a relocatable ELF object and what the one who links it must know.
// The same input gives the same bytes: each build has a context of its own.
#ifndef HALO_NATIVE_BUILD_H
#define HALO_NATIVE_BUILD_H

#include "Image.h"
#include "Pipeline.h"
#include "Region.h"

#include <map>
#include <string>
#include <vector>

namespace halo {

struct Object {
  llvm::SmallVector<char, 0> Data;
  std::string Digest;
  std::map<std::string, std::string> Entries;
  std::map<std::string, std::pair<std::string, std::string>> Gates;
  std::map<std::string, std::vector<Candidate>> Needs;
  std::vector<std::string> Functions;
  std::vector<Counters> Counted;
};

// What samples tell of the roots.
struct Seen {
  std::vector<std::string> Hot; // functions that are worth having, before all others
  bool IsRecursive = false;     // calls of the roots are nested in others, whatever the bitcode shows
};

llvm::Expected<Object> build(const Image &I, const std::vector<std::string> &Roots, const Recipe &R,
                             const TlsOffsets &Offsets, bool WithGates, const Counting &How = {},
                             const Seen &Samples = {});

} // namespace halo

#endif
