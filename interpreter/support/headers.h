/* headers.h: what the header cache holds. An #include of one of these reads nothing then. Its code is
 * compiled into a library (repl/headers.py), also that of the functions here; sessions make none. */
#include "show.h"

extern "C" {
/* In the library, support's functions are reached by addresses that the interpreter writes here. */
struct __halo_services {
  decltype(&__halo_show) show;
  decltype(&__halo_tell) tell;
  decltype(&__halo_put) put;
  decltype(&__halo_quote) quote;
  decltype(&__halo_number) number;
  decltype(&__halo_time) time;
  decltype(&__halo_type) type;
  decltype(&__halo_plain) plain;
  decltype(&__halo_learn) learn;
};
__halo_services __halo_served;
void __halo_show(unsigned long long number, const void *at) noexcept { __halo_served.show(number, at); }
void __halo_tell(unsigned long long number, const void *at, __halo::out *to) noexcept {
  __halo_served.tell(number, at, to);
}
void __halo_put(__halo::out *to, const char *text, __halo::size bytes) noexcept {
  __halo_served.put(to, text, bytes);
}
void __halo_quote(__halo::out *to, const char *prefix, const void *text, __halo::size count,
                  __halo::size width) noexcept {
  __halo_served.quote(to, prefix, text, count, width);
}
void __halo_number(__halo::out *to, long long number) noexcept { __halo_served.number(to, number); }
void __halo_time(__halo::out *to, long long ns_since_1970) noexcept { __halo_served.time(to, ns_since_1970); }
void __halo_type(__halo::out *to, const char *mangled) noexcept { __halo_served.type(to, mangled); }
void __halo_learn(unsigned long long number, __halo_member *const *functions, __halo::size count) noexcept {
  __halo_served.learn(number, functions, count);
}
void __halo_plain(__halo::out *to, const char *type, const void *at) noexcept {
  __halo_served.plain(to, type, at);
}
}

#include <algorithm>
#include <array>
#include <atomic>
#include <bitset>
#include <chrono>
#include <cmath>
#include <complex>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <fstream>
#include <functional>
#include <future>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <queue>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <stack>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "instances.h"
