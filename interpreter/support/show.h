/* show.h: how a value is shown. The first input of every session; includes nothing, so that a
 * session that needs no header reads none. C, and C++17 to C++23.
 *
 * In C++ a value of class type becomes text here, in the executor, by the first that fits: a hook
 * (`halo_show(value)`, found by argument-dependent look-up, returns text), what it is (text, pointer,
 * optional, variant, duration, range, tuple), `operator<<`. What tells nothing of itself is shown by the
 * interpreter from its layout, and so is all that is no class. */
#pragma once
#ifndef __cplusplus
void __halo_show(unsigned long long number, const void *at);
#else
namespace std {
template <class> struct tuple_size;
template <class> struct variant_size;
template <class> struct char_traits;
template <class, class> class basic_streambuf;
template <class, class> class basic_ostream;
} // namespace std

namespace __halo {
using size = __SIZE_TYPE__;

/* Text in the making; support.cpp keeps it. */
struct out {
  char *data;
  size bytes, room;
  int depth;
};
} // namespace __halo

extern "C" {
void __halo_show(unsigned long long number, const void *at) noexcept;
void __halo_tell(unsigned long long number, const void *at, __halo::out *) noexcept;
void __halo_put(__halo::out *, const char *text, __halo::size bytes) noexcept;
void __halo_quote(__halo::out *, const char *text, __halo::size bytes) noexcept;
void __halo_number(__halo::out *, long long number) noexcept;
/* From its layout; `type` names it as __PRETTY_FUNCTION__ does. */
void __halo_plain(__halo::out *, const char *type, const void *at) noexcept;
}

namespace __halo {
inline constexpr int depth_limit = 6, element_limit = 100;

/* Found by name only, so that get<0>(tuple) is looked up by argument. */
template <int> void get(struct nothing);
template <int> void get_if(struct nothing);

template <class...> using exists = void;
template <class T> T &&any() noexcept;
template <class T> const T &value_of() noexcept;

/* Each trait: T has it when the expression is valid. */
#define HALO_TRAIT(NAME, ...)                                                                                \
  template <class T, class = void> inline constexpr bool NAME = false;                                       \
  template <class T> inline constexpr bool NAME<T, exists<__VA_ARGS__>> = true
HALO_TRAIT(is_hooked, decltype(halo_show(value_of<T>()).size()));
HALO_TRAIT(is_text, typename T::traits_type, decltype(value_of<T>().data()[value_of<T>().size()]));
HALO_TRAIT(is_pointer, typename T::element_type, decltype(value_of<T>().get()), decltype(!value_of<T>()));
HALO_TRAIT(is_optional, decltype(value_of<T>().has_value()), decltype(*value_of<T>()));
HALO_TRAIT(is_variant, decltype(std::variant_size<T>::value),
           decltype(value_of<T>().valueless_by_exception()));
HALO_TRAIT(is_duration, typename T::rep, typename T::period, decltype(value_of<T>().count()));
HALO_TRAIT(is_complex, decltype(value_of<T>().real()), decltype(value_of<T>().imag()));
HALO_TRAIT(is_range, decltype(value_of<T>().begin() == value_of<T>().end()),
           decltype(*value_of<T>().begin()));
HALO_TRAIT(is_map, typename T::mapped_type);
HALO_TRAIT(is_tuple, decltype(std::tuple_size<T>::value));
#undef HALO_TRAIT

/* A stream that writes here, for types with an operator<<. C is char: nothing of a stream is looked
 * at before <ostream> is there. What converts to a number or pointer would be printed as one. */
template <class C> using ostream = std::basic_ostream<C, std::char_traits<C>>;
template <class C> struct buffer : std::basic_streambuf<C, std::char_traits<C>> {
  using base = std::basic_streambuf<C, std::char_traits<C>>;
  out &to;
  explicit buffer(out &to) : to(to) {}
  typename base::int_type overflow(typename base::int_type each) override {
    C one = base::traits_type::to_char_type(each);
    __halo_put(&to, &one, 1);
    return each;
  }
  __PTRDIFF_TYPE__ xsputn(const C *text, __PTRDIFF_TYPE__ bytes) override {
    __halo_put(&to, text, static_cast<size>(bytes));
    return bytes;
  }
};
template <class T, class C, class = void> inline constexpr bool is_streamed = false;
template <class T, class C>
inline constexpr bool
    is_streamed<T, C, exists<decltype(sizeof(ostream<C>)), decltype(any<ostream<C> &>() << value_of<T>())>> =
        !__is_convertible_to(const T &, long double) && !__is_convertible_to(const T &, const void *);

template <class T> const char *name_of() { return __PRETTY_FUNCTION__; }

inline void put(out &to, const char *text) { __halo_put(&to, text, __builtin_strlen(text)); }

template <class T> void show(out &to, const T &value);

template <class T> void show_elements(out &to, const T &value) {
  put(to, "{");
  int count = 0;
  for (auto &&each : value) {
    put(to, count ? ", " : " ");
    if (count++ == element_limit) {
      put(to, "...");
      break;
    }
    if constexpr (is_map<T>) {
      show(to, each.first);
      put(to, ": ");
      show(to, each.second);
    } else {
      show(to, each);
    }
  }
  put(to, count ? " }" : "}");
}

template <class T, size I = 0> void show_fields(out &to, const T &value) {
  if constexpr (I < std::tuple_size<T>::value) {
    put(to, I ? ", " : " ");
    show(to, get<I>(value));
    show_fields<T, I + 1>(to, value);
  }
}

template <class T, size I = 0> void show_alternative(out &to, const T &value) {
  if constexpr (I < std::variant_size<T>::value) {
    if (value.index() == I)
      show(to, *get_if<I>(__builtin_addressof(value)));
    else
      show_alternative<T, I + 1>(to, value);
  } else {
    put(to, "valueless");
  }
}

template <class P> void show_unit(out &to) {
  if constexpr (P::num == 1 && P::den == 1)
    put(to, " s");
  else if constexpr (P::num == 1 && P::den == 1000)
    put(to, " ms");
  else if constexpr (P::num == 1 && P::den == 1000000)
    put(to, " us");
  else if constexpr (P::num == 1 && P::den == 1000000000)
    put(to, " ns");
  else if constexpr (P::num == 60 && P::den == 1)
    put(to, " min");
  else if constexpr (P::num == 3600 && P::den == 1)
    put(to, " h");
  else if constexpr (P::num == 86400 && P::den == 1)
    put(to, " d");
  else {
    put(to, " x ");
    __halo_number(&to, P::num);
    put(to, "/");
    __halo_number(&to, P::den);
    put(to, " s");
  }
}

template <class T, class C = char> void show_class(out &to, const T &value) {
  if constexpr (is_hooked<T>) {
    auto &&text = halo_show(value);
    __halo_put(&to, text.data(), text.size());
  } else if constexpr (is_text<T>) {
    if constexpr (sizeof *value.data() == 1)
      __halo_quote(&to, reinterpret_cast<const char *>(value.data()), value.size());
    else
      show_elements(to, value);
  } else if constexpr (is_pointer<T>) {
    if (!value)
      return put(to, "nullptr");
    show(to, static_cast<const void *>(value.get()));
  } else if constexpr (is_optional<T>) {
    if (value.has_value())
      show(to, *value);
    else
      put(to, "nullopt");
  } else if constexpr (is_variant<T>) {
    show_alternative(to, value);
  } else if constexpr (is_duration<T>) {
    show(to, value.count());
    show_unit<typename T::period>(to);
  } else if constexpr (is_complex<T>) {
    show(to, value.real());
    put(to, " + ");
    show(to, value.imag());
    put(to, "i");
  } else if constexpr (is_streamed<T, C>) {
    buffer<C> into(to);
    ostream<C> writes(&into);
    writes << value;
  } else if constexpr (is_range<T>) {
    show_elements(to, value);
  } else if constexpr (is_tuple<T>) {
    put(to, "{");
    show_fields(to, value);
    put(to, std::tuple_size<T>::value ? " }" : "}");
  } else {
    __halo_plain(&to, name_of<T>(), __builtin_addressof(value));
  }
}

template <class T> void show(out &to, const T &value) {
  if (to.depth >= depth_limit)
    return put(to, "...");
  ++to.depth;
  if constexpr (__is_class(T) || __is_union(T))
    show_class(to, value);
  else
    __halo_plain(&to, name_of<T>(),
                 const_cast<const void *>(static_cast<const volatile void *>(__builtin_addressof(value))));
  --to.depth;
}

template <class T> constexpr bool is_class = __is_class(T) || __is_union(T);
} // namespace __halo

template <class T> void __halo_value(unsigned long long number, T &&value) {
  using plain = __remove_cv(__remove_reference_t(T));
  if constexpr (__is_function(plain)) {
    __halo_show(number, reinterpret_cast<const void *>(&value));
  } else if constexpr (__halo::is_class<plain> && !__is_volatile(__remove_reference_t(T))) {
    __halo::out text{};
    __halo::show(text, value);
    __halo_tell(number, __builtin_addressof(value), &text);
  } else {
    __halo_show(number,
                const_cast<const void *>(static_cast<const volatile void *>(__builtin_addressof(value))));
  }
}
#endif
