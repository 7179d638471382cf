// Overrides: settings of LLVM's command line for the time of one build.
//
// Those options are variables of the whole process, and passes read them whenever they like. So a
// build holds a lock from its beginning to its end: shared while it leaves them alone, alone from
// before it changes one until all have their defaults back. Builds on several threads then never
// see each other's settings. LLVM prints what it thinks of a value that it can not parse.
#ifndef HALO_NATIVE_OVERRIDES_H
#define HALO_NATIVE_OVERRIDES_H

#include "Recipe.h"

#include <mutex>
#include <shared_mutex>
#include <vector>

namespace llvm::cl {
class Option;
}

namespace halo {

class Overrides {
public:
  // Waits for the lock that a build of this recipe needs; every option has its default.
  explicit Overrides(const Recipe &R);
  ~Overrides();
  Overrides(const Overrides &) = delete;
  Overrides &operator=(const Overrides &) = delete;

  // From here on the recipe's settings are in force.
  llvm::Error set(const Recipe &R);

private:
  std::shared_lock<std::shared_mutex> Shared;
  std::unique_lock<std::shared_mutex> Alone;
  std::vector<llvm::cl::Option *> Changed;
};

} // namespace halo

#endif
