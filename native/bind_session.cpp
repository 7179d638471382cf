#include "bind.h"
namespace halo::bind { void addSession(nanobind::module_ &) {} }
