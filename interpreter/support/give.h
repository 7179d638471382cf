/* give.h: values for a front that computes with them, and values from it. After show.h; C++ only.
 *
 * A value is a node of bytes, little-endian, every length 8 bytes:
 *
 *   N                                nothing
 *   A code size rank dims... raw     numbers; code one of b i u f c, size in bytes of one, rank 0: one
 *   C size raw                       a character
 *   S size bytes raw                 text whose characters have this size
 *   L count nodes                    a list
 *   T count nodes                    a tuple
 *   M count pairs of nodes           a map
 *   R type count (name node)...      a record; type, name: length and text
 *   E type name raw                  an enumerator, 8 bytes; no name: none has this value
 *   P type raw                       a pointer, 8 bytes
 *   X type text                      what has text only
 *
 * What templates do not know (enumerators, pointers, arrays, records) the interpreter encodes from the
 * layout, asked by the type's name. */
#pragma once
#ifdef __cplusplus
namespace std {
enum class byte : unsigned char;
} // namespace std

extern "C" {
void __halo_put_bytes(__halo::out *, const char *, __halo::size bytes) noexcept;
/* A node by the interpreter. */
void __halo_plain_node(__halo::out *, const char *type, const void *at) noexcept;
char *__halo_take(__halo::size *bytes) noexcept;
void __halo_guard(void (*)());
void free(void *) noexcept;
}

namespace __halo {
template <class T> using same = T;
template <class T, class U> inline constexpr bool is_same = __is_same(T, U);
#ifdef __cpp_char8_t
template <class T> inline constexpr bool is_char8 = is_same<T, char8_t>;
#else
template <class T> inline constexpr bool is_char8 = false;
#endif
template <class T>
inline constexpr bool is_character =
    is_same<T, char> || is_same<T, wchar_t> || is_same<T, char16_t> || is_same<T, char32_t> || is_char8<T>;
template <class T>
inline constexpr bool is_number = (__is_arithmetic(T) && !is_character<T>) || is_same<T, std::byte>;

/* The integers that an enumeration's values are, also where those are written as characters. */
template <class T, bool IsSigned = (T(-1) < T(0))> struct integer {
  using type = __make_unsigned(T);
};
template <class T> struct integer<T, true> {
  using type = __make_signed(T);
};
template <> struct integer<bool> {
  using type = bool;
};
template <class T> using integer_of = typename integer<__underlying_type(T)>::type;

template <class T, class = void> inline constexpr bool is_complex_number = false;
template <class T>
inline constexpr bool is_complex_number<T, exists<typename T::value_type, decltype(value_of<T>().imag())>> =
    is_same<typename T::value_type, float> || is_same<typename T::value_type, double>;

/* Elements side by side. */
template <class T, class = void> inline constexpr bool is_block = false;
template <class T>
inline constexpr bool is_block<T, exists<decltype(value_of<T>().size()), decltype(*value_of<T>().data())>> =
    is_number<__remove_cv(__remove_reference_t(decltype(*value_of<T>().data())))> ||
    is_complex_number<__remove_cv(__remove_reference_t(decltype(*value_of<T>().data())))>;

inline void put_raw(out &to, const void *from, size bytes) {
  __halo_put_bytes(&to, static_cast<const char *>(from), bytes);
}
inline void put_tag(out &to, char tag) { put_raw(to, &tag, 1); }
inline void put_size(out &to, size value) { put_raw(to, &value, sizeof value); }

/* Python's numbers end where double does. */
template <class T>
inline constexpr bool is_narrowed = __is_floating_point(T) && !is_same<T, float> && !is_same<T, double>;

template <class T> void put_code(out &to, unsigned char rank) {
  unsigned char code = 'u', bytes = sizeof(T);
  if constexpr (is_same<T, bool>)
    code = 'b';
  else if constexpr (is_narrowed<T>)
    code = 'f', bytes = sizeof(double);
  else if constexpr (is_complex_number<T>)
    code = 'c';
  else if constexpr (__is_floating_point(T))
    code = 'f';
  else if constexpr (__is_signed(T))
    code = 'i';
  unsigned char head[] = {'A', code, bytes, rank};
  put_raw(to, head, sizeof head);
}

template <class T> void put_numbers(out &to, const T *from, size count) {
  if constexpr (is_narrowed<T>)
    for (size i = 0; i < count; ++i) {
      double narrow = static_cast<double>(from[i]);
      put_raw(to, &narrow, sizeof narrow);
    }
  else if (count)
    put_raw(to, from, count * sizeof(T));
}

template <int Hooks, class T> void put_as_text(out &to, const T &value) {
  out text{};
  show<Hooks>(text, value);
  const char *name = name_of<T>() + sizeof("const char *__halo::name_of() [T = ") - 1;
  size name_bytes = __builtin_strlen(name) - 1;
  put_tag(to, 'X');
  put_size(to, name_bytes);
  put_raw(to, name, name_bytes);
  put_size(to, text.bytes);
  put_raw(to, text.data, text.bytes);
  free(text.data);
}

template <int Hooks, class T> void give(out &to, const T &value);

template <int Hooks, class T, size I = 0> void give_fields(out &to, const T &value) {
  if constexpr (I < std::tuple_size<T>::value) {
    give<Hooks>(to, get<I>(value));
    give_fields<Hooks, T, I + 1>(to, value);
  }
}

template <int Hooks, class T, size I = 0> void give_alternative(out &to, const T &value) {
  if constexpr (I < std::variant_size<T>::value) {
    if (value.index() == I)
      give<Hooks>(to, *get_if<I>(__builtin_addressof(value)));
    else
      give_alternative<Hooks, T, I + 1>(to, value);
  } else {
    put_tag(to, 'N');
  }
}

/* How many there are is known at the end. */
template <int Hooks, class T> void give_elements(out &to, const T &value) {
  constexpr bool is_bits = is_same<__remove_cvref(decltype(*value.begin())), bool>; /* vector<bool> */
  if constexpr (is_bits)
    put_code<bool>(to, 1);
  else
    put_tag(to, is_map<T> ? 'M' : 'L');
  size at = to.bytes, count = 0;
  put_size(to, 0);
  for (auto &&each : value) {
    ++count;
    if constexpr (is_bits) {
      bool bit = each;
      put_raw(to, &bit, 1);
    } else if constexpr (is_map<T>) {
      give<Hooks>(to, each.first);
      give<Hooks>(to, each.second);
    } else {
      give<Hooks>(to, each);
    }
  }
  __builtin_memcpy(to.data + at, &count, sizeof count);
}

template <int Hooks, class T> void give_class(out &to, const T &value) {
  if constexpr (is_text<T>) {
    unsigned char head[] = {'S', sizeof(*value.data())};
    put_raw(to, head, 2);
    put_size(to, value.size() * sizeof(*value.data()));
    put_raw(to, value.data(), value.size() * sizeof(*value.data()));
  } else if constexpr (is_path<T>) {
    give_class<Hooks>(to, value.native());
  } else if constexpr (is_complex_number<T>) {
    put_code<T>(to, 0);
    put_raw(to, __builtin_addressof(value), sizeof value);
  } else if constexpr (is_block<T>) {
    put_code<__remove_cv(__remove_reference_t(decltype(*value.data())))>(to, 1);
    put_size(to, value.size());
    put_numbers(to, value.data(), value.size());
  } else if constexpr (is_optional<T>) {
    if (value.has_value())
      give<Hooks>(to, *value);
    else
      put_tag(to, 'N');
  } else if constexpr (is_variant<T>) {
    give_alternative<Hooks>(to, value);
  } else if constexpr (is_range<T> && !is_hooked<Hooks, T>) {
    give_elements<Hooks>(to, value);
  } else if constexpr (is_tuple<T>) {
    put_tag(to, 'T');
    put_size(to, std::tuple_size<T>::value);
    give_fields<Hooks>(to, value);
  } else if constexpr (__is_aggregate(T) || __is_union(T)) {
    __halo_plain_node(&to, name_of<T>(), __builtin_addressof(value));
  } else {
    put_as_text<Hooks>(to, value);
  }
}

template <int Hooks, class T> void give(out &to, const T &value) {
  if (to.depth >= 32)
    return put_as_text<Hooks>(to, value);
  ++to.depth;
  if constexpr (is_number<T>) {
    put_code<T>(to, 0);
    put_numbers(to, __builtin_addressof(value), 1);
  } else if constexpr (is_character<T>) {
    unsigned char head[] = {'C', sizeof(T)};
    put_raw(to, head, 2);
    put_raw(to, __builtin_addressof(value), sizeof value);
  } else if constexpr (is_class<T>) {
    give_class<Hooks>(to, value);
  } else {
    __halo_plain_node(
        &to, name_of<T>(),
        const_cast<const void *>(static_cast<const volatile void *>(__builtin_addressof(value))));
  }
  --to.depth;
}

template <int Hooks, class T> void give_member(out &to, const void *at) {
  give<Hooks>(to, *static_cast<const T *>(at));
}

/* What came along with a request: numbers, and blocks of bytes that begin on a multiple of 16. A block
 * ends in zeroes, so that it is a C string of any kind. */
class taken {
public:
  taken() : data(__halo_take(&bytes)) {}
  taken(const taken &) = delete;
  ~taken() { free(data); }

  template <class T> T number() {
    T value;
    __builtin_memcpy(&value, data + at, sizeof value);
    at += sizeof value;
    return value;
  }
  template <class T> T *block(size &count) {
    count = number<size>() / sizeof(T);
    at = (at + 15) / 16 * 16;
    T *found = reinterpret_cast<T *>(data + at);
    at += count * sizeof(T) + 4;
    return found;
  }
  /* Whether the number before is the first for which its bit-field has no room. */
  bool is_cut(bool is_whole) {
    if (is_whole || cut)
      return false;
    cut = at;
    return true;
  }
  /* Tells where that number ends, and the bits without the sign; false: there is none. */
  bool tell_cut() const {
    if (cut) {
      out to{};
      put_code<size>(to, 1);
      put_size(to, 2);
      put_size(to, cut);
      put_size(to, bits);
      __halo_tell(~0ull, nullptr, &to);
    }
    return cut;
  }
  size bits = 0;
  /* What points into it stays valid. */
  void keep() { data = nullptr; }

private:
  size bytes = 0, at = 0, cut = 0;
  char *data;
};

/* In an expression's place: a type whose members are to be given later. */
template <class T> struct will_give {};

/* A call's result, and the blocks that it may have changed. */
class given {
public:
  explicit given(size changed) {
    put_tag(to, 'T');
    put_size(to, 1 + changed);
  }
  ~given() { __halo_tell(~0ull, nullptr, &to); }
  template <class T> void value(const T &value) { give<0>(to, value); }
  void nothing() { put_tag(to, 'N'); }
  template <class T> void block(const T *from, size count) {
    put_code<T>(to, 1);
    put_size(to, count);
    put_numbers(to, from, count);
  }

private:
  out to{};
};
} // namespace __halo

template <int Hooks = 0, class T, class... Members>
void __halo_give(unsigned long long number, T &&value, Members *...) {
  using plain = __remove_cv(__remove_reference_t(T));
  if constexpr (sizeof...(Members) > 0) {
    static constexpr __halo_member *table[] = {&__halo::give_member<Hooks, Members>...};
    __halo_learn(number, table, sizeof...(Members));
  }
  if constexpr (__halo::is_class<plain> && !__is_volatile(__remove_reference_t(T))) {
    __halo::out node{};
    __halo::give<Hooks>(node, static_cast<const plain &>(value));
    __halo_tell(number, __builtin_addressof(value), &node);
  } else if constexpr (__is_function(plain)) {
    __halo_show(number, reinterpret_cast<const void *>(&value));
  } else {
    __halo_show(number,
                const_cast<const void *>(static_cast<const volatile void *>(__builtin_addressof(value))));
  }
}
#endif
