// Image: all translation units of one executable or shared library as one module.
//
// In: Frames. Out: merged bitcode from which builds load lazily only what they need, facts about
// every function, and for every name the (module, ordinal) pairs under which the image's symbol
// table may list its address. Locals get names that are unique in the image; a module that can not
// be linked in is left out, with the reason. Told what the program's table has, it can say which
// names became nothing in the program: the optimizer or the linker dropped them. Knows nothing of
// regions or recipes.
#ifndef HALO_NATIVE_IMAGE_H
#define HALO_NATIVE_IMAGE_H

#include "Frames.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MemoryBufferRef.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace llvm {
class Module;
}

namespace halo {

using Candidate = std::pair<uint64_t, uint32_t>; // module id, ordinal

// What a caller may know about one function without loading it.
struct FunctionFacts {
  std::string Name;
  uint64_t Module = 0;
  uint32_t Ordinal = 0;
  std::vector<Candidate> Symbols;
  std::vector<std::string> Callees; // with a body, called directly
  bool ReachesItself = false;
  std::string Obstacle;     // why it can not be a root; empty when it can
  std::string CopyObstacle; // why its body can not be copied into another's region
  bool IsListed = false;    // the program's own copy surely has a symbol and its full signature
  unsigned Instructions = 0;
};

class Image {
public:
  static llvm::Expected<std::unique_ptr<Image>> create(llvm::ArrayRef<uint8_t> Section);

  const std::vector<FunctionFacts> &functions() const { return Functions; }
  const FunctionFacts *find(llvm::StringRef Name) const;
  const std::vector<std::string> &skipped() const { return Skipped; }
  llvm::MemoryBufferRef bitcode() const { return {{Bitcode.data(), Bitcode.size()}, "image"}; }
  // Empty for names that no symbol table can list (locals of an object that was linked twice).
  llvm::ArrayRef<Candidate> candidates(llvm::StringRef Name) const;
  bool knows(llvm::StringRef Name) const { return Names.contains(Name); }
  bool defines(llvm::StringRef Name) const;

  // Takes the program's table: an array of struct halo_resolved, of which addresses do not matter.
  llvm::Error know(llvm::ArrayRef<uint8_t> Symbols);
  bool isTableKnown() const { return IsTableKnown; }
  // Surely in the table, surely not in it; neither while nothing is known of the table, nor for
  // locals of an object that was linked twice.
  bool isListed(llvm::StringRef Name) const;
  bool isAbsent(llvm::StringRef Name) const;
  bool forbidsGates() const { return ForbidsGates; }
  // A variable that no pointer leads to.
  bool isSecluded(llvm::StringRef Name) const { return Secluded.contains(Name); }
  // Bound to a definition outside of the image.
  bool isElsewhere(llvm::StringRef Name) const;

private:
  struct Name {
    std::vector<Candidate> Candidates;
    Candidate Home{0, 0}; // the definition that the linker took
    bool IsLocal = false, IsDefined = false, IsStrong = false;
  };
  using NameMap = llvm::StringMap<Name>;

  llvm::Error link(std::vector<Frame> Frames);
  llvm::Error number(llvm::Module &M, const Frame &F, bool IsAmbiguous, NameMap &Into);
  void noteSecluded(llvm::Module &M);
  void gather(llvm::Module &Merged);

  NameMap Names;
  bool IsTableKnown = false, ForbidsGates = false;
  llvm::DenseSet<Candidate> Listed, Elsewhere;
  llvm::StringSet<> Secluded;
  llvm::StringMap<size_t> Index;
  std::vector<FunctionFacts> Functions;
  std::vector<std::string> Skipped;
  llvm::SmallVector<char, 0> Bitcode;
};

} // namespace halo

#endif
