#include "Warmup.h"

using namespace llvm;

namespace halo {

// Operands that are not evaluated: no code is made for them. C++11 and later.
static constexpr const char *Uses[] = {
    "std::cout << 1 << 1.0 << 'a' << \"\" << std::string() << std::endl",
    "std::vector<int>{1, 2}.push_back(1)",
    "std::map<std::string, int>{{\"\", 1}}[\"\"] = 1",
    "std::string() + \"\" + std::to_string(1)",
    "__halo_value(0ull, made_up<std::vector<int> &>()), __halo_value(0ull, made_up<std::string &>())",
    "std::vector<std::string>{\"\", \"\"}.push_back(\"\"), std::vector<double>{1.0}.push_back(1)",
    "std::sort(made_up<std::vector<int> &>().begin(), made_up<std::vector<int> &>().end())",
    "std::unordered_map<std::string, int>{{\"\", 1}}[\"\"] = 1",
    "__halo_value(0ull, made_up<std::map<std::string, int> &>())",
    "std::set<int>{1, 2}.insert(1), std::map<int, int>{{1, 1}}[1] = 1, std::make_pair(1, \"\")",
    "std::unique_ptr<int>(new int(1)), std::make_shared<int>(1), std::function<int(int)>()(1)",
    "std::regex_match(\"\", std::regex(\"\"))",
};

bool Warmup::step() {
  if (!Compiler.compile(("namespace __halo { static_assert(sizeof(decltype(((" + Twine(Uses[Next]) +
                         "), 0))) != 0, \"\"); }")
                            .str())) {
    IsOver = true;
    return false;
  }
  Compiler.begin();
  IsOver = ++Next == std::size(Uses);
  return true;
}

} // namespace halo
