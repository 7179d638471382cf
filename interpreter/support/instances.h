/* instances.h: instances of templates that sessions use often. With the header cache they are
 * compiled once, and optimized; a session that uses them makes no code. Nothing here is called. */
#pragma once

namespace __halo::instances {

template <class T> struct value; /* some value of each type */
template <> struct value<bool> {
  static bool get() { return true; }
};
template <> struct value<char> {
  static char get() { return 'a'; }
};
template <> struct value<int> {
  static int get() { return 1; }
};
template <> struct value<long> {
  static long get() { return 1; }
};
template <> struct value<unsigned long> {
  static unsigned long get() { return 1; }
};
template <> struct value<float> {
  static float get() { return 1; }
};
template <> struct value<double> {
  static double get() { return 1; }
};
template <> struct value<std::string> {
  static std::string get() { return "a"; }
};
template <class T> struct value<std::vector<T>> {
  static std::vector<T> get() { return {value<T>::get(), value<T>::get()}; }
};
template <class A, class B> struct value<std::pair<A, B>> {
  static std::pair<A, B> get() { return {value<A>::get(), value<B>::get()}; }
};

/* What any class can. */
template <class T> void use_object(T &object) {
  T copy = object, moved = std::move(copy);
  copy = object;
  moved = std::move(copy);
  std::swap(copy, moved);
  __halo_value(0, object);
  __halo_value(0, T(object));
}

template <class C> void use_container(C &of) {
  use_object(of);
  of == of;
  of != of;
  for (auto &&each : of)
    static_cast<void>(each);
  for (const auto &each : std::as_const(of))
    static_cast<void>(each);
  of.begin() == of.end();
  of.empty();
  of.size();
  of.clear();
}

template <class C> void use_sequence() {
  using T = typename C::value_type;
  T each = value<T>::get();
  C none, some(3), same(3, each), listed{value<T>::get(), value<T>::get()},
      ranged(listed.begin(), listed.end());
  some = {value<T>::get(), value<T>::get()};
  use_container(some);
  some.push_back(each);
  some.push_back(value<T>::get());
  some.emplace_back(each);
  some.emplace_back(value<T>::get());
  some.emplace_back();
  some.insert(some.begin(), each);
  some.insert(some.end(), listed.begin(), listed.end());
  some.erase(some.begin());
  some.erase(some.begin(), some.end());
  some.pop_back();
  some.resize(2);
  some.resize(2, each);
  some.assign(2, each);
  static_cast<void>(some.front());
  static_cast<void>(some.back());
}

template <class T> void use_vector() {
  using C = std::vector<T>;
  use_sequence<C>();
  C some;
  some.reserve(2);
  some.capacity();
  some.shrink_to_fit();
  static_cast<void>(some[0]);
  static_cast<void>(some.at(0));
  static_cast<void>(std::as_const(some)[0]);
  static_cast<void>(std::as_const(some).at(0));
  T each = value<T>::get();
  std::sort(some.begin(), some.end());
  std::reverse(some.begin(), some.end());
  std::find(some.begin(), some.end(), each);
  std::count(some.begin(), some.end(), each);
  std::fill(some.begin(), some.end(), each);
  std::max_element(some.begin(), some.end());
  std::min_element(some.begin(), some.end());
}

template <class T> void use_numbers() {
  use_vector<T>();
  std::vector<T> some;
  std::iota(some.begin(), some.end(), T());
  std::accumulate(some.begin(), some.end(), T());
  std::accumulate(some.begin(), some.end(), 0);
  std::accumulate(some.begin(), some.end(), 0.0);
  std::inner_product(some.begin(), some.end(), some.begin(), T());
  std::max(T(), T());
  std::min(T(), T());
  std::abs(T());
}

template <class C> void use_sorted_or_hashed(C &some) {
  using K = typename C::key_type;
  K key = value<K>::get();
  use_container(some);
  some.find(key);
  some.count(key);
  some.erase(key);
  some.erase(some.begin());
  some.insert(some.begin(), some.end());
}

template <class C> void use_map() {
  using K = typename C::key_type;
  using V = typename C::mapped_type;
  using E = typename C::value_type;
  K key = value<K>::get();
  V each = value<V>::get();
  C some{{key, each}, {key, each}};
  some = {{value<K>::get(), value<V>::get()}};
  use_sorted_or_hashed(some);
  some[key] = each;
  some[value<K>::get()] = value<V>::get();
  some.at(key);
  std::as_const(some).at(key);
  some.insert({key, each});
  some.insert(E(key, each));
  some.insert(std::make_pair(key, each));
  some.emplace(key, each);
  some.emplace(value<K>::get(), value<V>::get());
  some.try_emplace(key, each);
  some.insert_or_assign(key, each);
  std::as_const(some).find(key);
  std::as_const(some).count(key);
  for (auto &[first, second] : some)
    static_cast<void>(first), static_cast<void>(second);
  for (const auto &[first, second] : std::as_const(some))
    static_cast<void>(first), static_cast<void>(second);
  if constexpr (std::is_same_v<K, std::string>) {
    some["a"] = each;
    some["a"] = value<V>::get();
    some.find("a");
    some.count("a");
    some.at("a");
    some.insert({"a", each});
    some.emplace("a", each);
    C literal{{"a", each}, {"b", each}};
  }
}

template <class C> void use_set() {
  using K = typename C::key_type;
  K key = value<K>::get();
  C some{key, key};
  some = {value<K>::get()};
  use_sorted_or_hashed(some);
  some.insert(key);
  some.insert(value<K>::get());
  some.emplace(key);
  std::as_const(some).find(key);
  if constexpr (std::is_same_v<K, std::string>) {
    some.insert("a");
    some.find("a");
    some.count("a");
  }
}

template <class T> void use_holders() {
  T each = value<T>::get();
  std::optional<T> maybe = each, none;
  maybe = value<T>::get();
  use_object(maybe);
  maybe.value();
  maybe.value_or(each);
  maybe.reset();
  auto owned = std::make_unique<T>(each);
  auto shared = std::make_shared<T>(each);
  use_object(shared);
  shared.reset();
  owned.reset();
  std::unique_ptr<T> adopted(new T(each));
  std::weak_ptr<T> weak = shared;
  weak.lock();
  shared.use_count();
  __halo_value(0, owned);
  std::function<T()> made;
  std::function<T(T)> changed;
  use_object(made);
  use_object(changed);
  made();
  changed(each);
  std::pair<T, int> numbered(each, 1);
  std::pair<std::string, T> named("a", each);
  use_object(numbered);
  use_object(named);
  __halo_value(0, each);
  __halo_value(0, T(each));
}

inline void use_text() {
  std::string text = "a", more(3, 'b'), part = text.substr(0, 1);
  const std::string fixed = "c";
  use_container(text);
  text += "b";
  text += 'c';
  text += fixed;
  text = text + "d" + 'e' + fixed + std::string("f");
  text = "g" + text;
  text.append("h").append(fixed).push_back('i');
  text < fixed;
  text == "a";
  text != "a";
  text.find("a");
  text.find('a');
  text.find(fixed);
  text.rfind('a');
  text.replace(0, 1, "b");
  text.insert(0, "b");
  text.erase(0, 1);
  text.compare(fixed);
  text.c_str();
  static_cast<void>(text[0]);
  static_cast<void>(fixed.at(0));
  std::string_view view = text, literal = "a";
  view == literal;
  view.substr(0, 1);
  __halo_value(0, view);
  std::string again(view);
  std::to_string(1);
  std::to_string(1.0);
  std::to_string(1L);
  std::to_string(1UL);
  std::stoi(text);
  std::stod(text);
  std::reverse(text.begin(), text.end());
  std::sort(text.begin(), text.end());
  std::transform(text.begin(), text.end(), text.begin(), ::toupper);
}

inline void use_streams() {
  std::stringstream both;
  std::ostringstream out;
  std::istringstream in("a");
  std::string word;
  int number;
  double real;
  both << 1 << ' ' << 1.0 << "a" << word << std::endl
       << '\n'
       << true << 1L << 1UL << std::hex << std::setw(2);
  in >> word >> number >> real;
  std::getline(in, word);
  std::getline(in, word, ',');
  out.str();
  both.str();
  std::cout << 1 << 1.0 << "a" << word << std::endl;
  std::cerr << word;
  std::ifstream file("a");
  std::ofstream written("a");
  std::getline(file, word);
  written << word;
}

inline void use_regex() {
  std::string text = "a";
  std::regex pattern("a+"), flagged(text, std::regex::icase);
  std::smatch found;
  std::cmatch place;
  std::regex_match(text, pattern);
  std::regex_match("a", pattern);
  std::regex_match(text, found, pattern);
  std::regex_match("a", place, pattern);
  std::regex_search(text, pattern);
  std::regex_search("a", pattern);
  std::regex_search(text, found, pattern);
  std::regex_search("a", place, pattern);
  std::regex_replace(text, pattern, "b");
  std::regex_replace(text, pattern, text);
  found[0].str();
  found.str(1);
  found.prefix().str();
  for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at)
    at->str();
  for (std::sregex_token_iterator at(text.begin(), text.end(), pattern, -1), end; at != end; ++at)
    at->str();
}

inline void use_the_rest() {
  std::mt19937 random(1);
  std::random_device device;
  std::mt19937 seeded(device());
  std::uniform_int_distribution<int> whole(1, 6);
  std::uniform_real_distribution<double> real(0, 1);
  std::normal_distribution<double> bell(0, 1);
  whole(random);
  real(random);
  bell(random);
  auto begin = std::chrono::steady_clock::now();
  auto took = std::chrono::steady_clock::now() - begin;
  std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  std::chrono::duration<double> seconds = took;
  seconds.count();
  std::this_thread::sleep_for(std::chrono::milliseconds(0));
  std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  std::unique_lock<std::mutex> unique(mutex);
  std::function<void()> action;
  std::function<void(int)> taking;
  std::function<double(double)> curve;
  use_object(action);
  use_object(taking);
  use_object(curve);
  action();
  taking(1);
  curve(1);
  std::complex<double> number(1, 2);
  number = number * number + number / number - number;
  std::abs(number);
  __halo_value(0, number);
  std::queue<int> line;
  line.push(1);
  line.front();
  line.pop();
  std::stack<int> pile;
  pile.push(1);
  pile.top();
  pile.pop();
  std::promise<int> promise;
  std::future<int> future = promise.get_future();
  promise.set_value(1);
  future.get();
  std::promise<void> done;
  done.set_value();
  done.get_future().get();
  std::future<double> real_future;
  real_future.get();
  std::priority_queue<int> heap;
  heap.push(1);
  heap.top();
  heap.pop();
  std::tuple<int, double, std::string> several(1, 1.0, "a");
  use_object(several);
  std::array<int, 3> three{1, 2, 3};
  __halo_value(0, three);
}

inline void use_all() {
  use_text();
  use_streams();
  use_regex();
  use_the_rest();
  use_numbers<int>();
  use_numbers<double>();
  use_vector<std::string>();
  use_sequence<std::vector<char>>();
  use_sequence<std::vector<float>>();
  use_sequence<std::vector<long>>();
  use_sequence<std::vector<unsigned long>>();
  use_sequence<std::vector<std::pair<int, int>>>();
  use_sequence<std::vector<std::vector<int>>>();
  use_sequence<std::vector<std::vector<double>>>();
  use_set<std::set<int>>();
  use_set<std::set<std::string>>();
  use_set<std::unordered_set<int>>();
  use_set<std::unordered_set<std::string>>();
  use_map<std::map<int, int>>();
  use_map<std::map<int, std::string>>();
  use_map<std::map<std::string, int>>();
  use_map<std::map<std::string, double>>();
  use_map<std::map<std::string, std::string>>();
  use_map<std::unordered_map<int, int>>();
  use_map<std::unordered_map<std::string, int>>();
  use_map<std::unordered_map<std::string, std::string>>();
  use_holders<int>();
  use_holders<double>();
  use_holders<std::string>();
}

} // namespace __halo::instances
