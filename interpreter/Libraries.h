// Libraries: what inputs are linked with besides the process they run in.
//
// In: names of libraries, directories to look for them first. Out: shared libraries are loaded by the
// executor, from its machine; archives are read here, and those members linked that are needed.
//
// A symbol that nothing defines is searched in the libraries of the executor's machine
// (executor/libraries.h). The one that has it is loaded; of several the one that -lX leads to. Where
// that still leaves a choice it is the user's.
#ifndef HALO_INTERPRETER_LIBRARIES_H
#define HALO_INTERPRETER_LIBRARIES_H

#include "Engine.h"

#include "llvm/Support/JSON.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace halo {

class Libraries {
public:
  Libraries(Engine &Engine, std::vector<std::string> Directories)
      : Host(Engine), Directories(std::move(Directories)) {}

  // From now on symbols that nothing defines are searched.
  llvm::Error automate();

  // A path, a file's name, or X as in -lX.
  llvm::Error load(llvm::StringRef Library);
  // What an input names by #pragma comment(lib, "X"); none the second time.
  static std::vector<std::string> takeWanted(llvm::Module &M);
  llvm::Error load(llvm::ArrayRef<std::string> Wanted);
  void addDirectory(llvm::StringRef Path) { Directories.push_back(Path.str()); }

  // Before an input: what nothing had in earlier ones, as `missed` told it. They were taken back, and
  // with them what this process knew of it.
  void begin(const llvm::json::Object *Missed);
  std::optional<llvm::json::Object> missed();
  // For the user: what was loaded by itself; why a symbol was not found.
  std::string takeNotes() { return std::exchange(Notes, ""); }
  std::string takeHints() { return std::exchange(Hints, ""); }

private:
  class Search;
  struct Library {
    std::string Path;
    bool IsDeveloped; // -lX leads to it

    std::string file() const;
  };
  // Whether some were loaded that may define the symbols.
  bool search(std::vector<std::string> Symbols);
  std::vector<std::string> unknown(std::vector<std::string> Symbols);
  llvm::Expected<std::vector<std::vector<Library>>> librariesWith(const std::vector<std::string> &Symbols);
  bool choose(const std::vector<std::string> &Symbols, const std::vector<std::vector<Library>> &Found);
  llvm::Expected<std::vector<Library>> librariesNamed(llvm::StringRef Name);
  bool isInDirectories(const Library &L) const;
  llvm::Error loadOneOf(llvm::StringRef Name, const std::vector<Library> &Found);
  llvm::Error open(const std::string &Path);
  std::optional<std::string> findArchive(llvm::StringRef Name, llvm::ArrayRef<std::string> In) const;
  llvm::Expected<llvm::orc::ExecutorAddr> service(llvm::StringRef Name);

  Engine &Host;
  std::vector<std::string> Directories;
  std::string Notes, Hints;
  uint64_t Stamp = 0;           // of the libraries when Missed was found
  std::set<std::string> Missed; // symbols that none of them has
  bool HasMissedMore = false;
};

} // namespace halo

#endif
