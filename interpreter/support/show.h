/* show.h: how a value is shown. The first input of every session; includes nothing, so that a
 * session that needs no header reads none. C, and C++17 to C++23.
 *
 * In C++ a value of class type becomes text here, in the executor, by the first that fits: a hook
 * (`halo_show(value)`, found by argument-dependent look-up, returns text), what it is (text, pointer,
 * optional, variant, duration, range, tuple, ...), `operator<<`. What tells nothing of itself is shown by
 * the interpreter from its layout, and so is all that is no class; for members of class type the
 * interpreter calls back here.
 *
 * A front that wants more than text has a value go through `__halo_display` (pictures for a notebook)
 * or `__halo_give` (give.h: the value itself). */
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
/* `width`: bytes of a character; `prefix`: of the literal. */
void __halo_quote(__halo::out *, const char *prefix, const void *text, __halo::size count,
                  __halo::size width) noexcept;
void __halo_number(__halo::out *, long long number) noexcept;
void __halo_time(__halo::out *, long long ns_since_1970) noexcept;
void __halo_type(__halo::out *, const char *mangled) noexcept;
void __halo_picture(const char *mime, __halo::size mime_bytes, const char *data, __halo::size bytes) noexcept;
/* From its layout; `type` names it as __PRETTY_FUNCTION__ does. */
void __halo_plain(__halo::out *, const char *type, const void *at) noexcept;
/* What the interpreter may call for members of class type, in the order of its question. */
using __halo_member = void(__halo::out &, const void *at);
void __halo_learn(unsigned long long number, __halo_member *const *, __halo::size count) noexcept;
}

namespace __halo {
inline constexpr int depth_limit = 6, element_limit = 100, text_limit = 16384;

/* Found by name only, so that get<0>(tuple) is looked up by argument. */
template <int> void get(struct nothing);
template <int> void get_if(struct nothing);

template <class...> using exists = void;
template <class T> T &&made_up() noexcept; /* no name that people mistype */
template <class T> const T &value_of() noexcept;

/* Each trait: T has it when the expression is valid. */
#define HALO_TRAIT(NAME, ...)                                                                                \
  template <class T, class = void> inline constexpr bool NAME = false;                                       \
  template <class T> inline constexpr bool NAME<T, exists<__VA_ARGS__>> = true
HALO_TRAIT(is_text, typename T::traits_type, decltype(value_of<T>().data()[value_of<T>().size()]));
HALO_TRAIT(is_picture, decltype(value_of<T>().mime), decltype(value_of<T>().data));
HALO_TRAIT(is_path, decltype(value_of<T>().native()), decltype(value_of<T>().lexically_normal()));
HALO_TRAIT(is_pointer, typename T::element_type, decltype(value_of<T>().get()), decltype(!value_of<T>()));
HALO_TRAIT(is_weak, typename T::element_type, decltype(value_of<T>().lock()));
HALO_TRAIT(is_followed, decltype(sizeof(*value_of<T>())));
HALO_TRAIT(is_wrapper, typename T::type, decltype(value_of<T>().get()));
HALO_TRAIT(is_atomic, decltype(value_of<T>().load()), decltype(value_of<T>().is_lock_free()));
HALO_TRAIT(is_exception, decltype(__builtin_strlen(value_of<T>().what())));
HALO_TRAIT(is_type, decltype(value_of<T>().hash_code()), decltype(value_of<T>().name()));
HALO_TRAIT(is_optional, decltype(value_of<T>().has_value()), decltype(*value_of<T>()));
HALO_TRAIT(is_variant, decltype(std::variant_size<T>::value),
           decltype(value_of<T>().valueless_by_exception()));
HALO_TRAIT(is_duration, typename T::rep, typename T::period, decltype(value_of<T>().count()));
HALO_TRAIT(is_time_point, typename T::clock, decltype(value_of<T>().time_since_epoch()));
HALO_TRAIT(has_date, decltype(T::clock::to_time_t(value_of<T>())));
HALO_TRAIT(is_bits, decltype(value_of<T>().to_string()), decltype(value_of<T>().test(0)));
HALO_TRAIT(is_any, decltype(value_of<T>().has_value()), decltype(value_of<T>().type()));
HALO_TRAIT(is_function, decltype(!value_of<T>()), decltype(value_of<T>().target_type()));
HALO_TRAIT(is_error, decltype(value_of<T>().category().name()), decltype(value_of<T>().message()));
HALO_TRAIT(is_complex, decltype(value_of<T>().real()), decltype(value_of<T>().imag()));
HALO_TRAIT(is_range, decltype(value_of<T>().begin() == value_of<T>().end()),
           decltype(*value_of<T>().begin()));
HALO_TRAIT(is_iterable, decltype(begin(value_of<T>()) == end(value_of<T>())));
HALO_TRAIT(is_iterator, typename T::iterator_category);
HALO_TRAIT(is_map, typename T::mapped_type);
HALO_TRAIT(is_tuple, decltype(std::tuple_size<T>::value));
/* std::stack and its like keep a container where only their heirs see it. */
template <class T> struct heir : T {
  template <class H = heir> static auto inner(const T &value) -> decltype((value.*&H::c)) {
    return value.*&H::c;
  }
};
HALO_TRAIT(is_adaptor, typename T::container_type, char (*)[__is_final(T) ? -1 : 1],
           decltype(heir<T>::inner(value_of<T>())));
#undef HALO_TRAIT

/* What a type has of its own may be declared after the first of its values was shown, and what a
 * template has found once, it finds for ever. `Hooks`: how many such declarations there have been; 0
 * for types of which there can be none. */
template <int Hooks, class T, class = void> inline constexpr bool is_hooked = false;
template <int Hooks, class T>
inline constexpr bool is_hooked<Hooks, T, exists<decltype(halo_show(value_of<T>()).size())>> = true;
template <int Hooks, class T, class = void> inline constexpr bool is_displayed = false;
template <int Hooks, class T>
inline constexpr bool is_displayed<Hooks, T, exists<decltype(halo_display(value_of<T>()))>> = true;

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
template <int Hooks, class T, class C, class = void> inline constexpr bool is_streamed = false;
template <int Hooks, class T, class C>
inline constexpr bool is_streamed<
    Hooks, T, C, exists<decltype(sizeof(ostream<C>)), decltype(made_up<ostream<C> &>() << value_of<T>())>> =
    !__is_convertible_to(const T &, long double) && !__is_convertible_to(const T &, const void *) &&
    !__is_convertible_to(const T &, bool);

template <class T> const char *name_of() { return __PRETTY_FUNCTION__; }

inline const char *prefix_of(const void *) { return ""; }
inline const char *prefix_of(const wchar_t *) { return "L"; }
inline const char *prefix_of(const char16_t *) { return "u"; }
inline const char *prefix_of(const char32_t *) { return "U"; }
#ifdef __cpp_char8_t
inline const char *prefix_of(const char8_t *) { return "u8"; }
#endif

inline void put(out &to, const char *text) { __halo_put(&to, text, __builtin_strlen(text)); }

template <int Hooks, class T> void show(out &to, const T &value);

template <int Hooks, class T> void show_elements(out &to, const T &value) {
  put(to, "{");
  int count = 0;
  for (auto &&each : value) {
    put(to, count ? ", " : " ");
    if (count++ == element_limit || to.bytes >= text_limit) {
      put(to, "...");
      break;
    }
    if constexpr (is_map<T>) {
      show<Hooks>(to, each.first);
      put(to, ": ");
      show<Hooks>(to, each.second);
    } else {
      show<Hooks>(to, each);
    }
  }
  put(to, count ? " }" : "}");
}

template <int Hooks, class T, size I = 0> void show_fields(out &to, const T &value) {
  if constexpr (I < std::tuple_size<T>::value) {
    put(to, I ? ", " : " ");
    show<Hooks>(to, get<I>(value));
    show_fields<Hooks, T, I + 1>(to, value);
  }
}

template <int Hooks, class T, size I = 0> void show_alternative(out &to, const T &value) {
  if constexpr (I < std::variant_size<T>::value) {
    if (value.index() == I)
      show<Hooks>(to, *get_if<I>(__builtin_addressof(value)));
    else
      show_alternative<Hooks, T, I + 1>(to, value);
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

template <class C> void show_text(out &to, const C *text, size count) {
  __halo_quote(&to, prefix_of(text), text, count, sizeof(C));
}

template <int Hooks, class T> void show_time(out &to, const T &value) {
  using period = typename T::period;
  auto since = value.time_since_epoch();
  if constexpr (has_date<T> && (period::num == 1 || period::den == 1) && period::den <= 1000000000)
    __halo_time(&to, static_cast<long long>(since.count() * period::num * (1000000000 / period::den)));
  else {
    show<Hooks>(to, since);
    put(to, " since the epoch");
  }
}

template <int Hooks, class T, class C = char> void show_class(out &to, const T &value) {
  if constexpr (is_hooked<Hooks, T>) {
    auto &&text = halo_show(value);
    __halo_put(&to, text.data(), text.size());
  } else if constexpr (is_text<T>) {
    show_text(to, value.data(), value.size());
  } else if constexpr (is_path<T>) {
    show_class<Hooks>(to, value.native());
  } else if constexpr (is_pointer<T>) {
    if (!value)
      return put(to, "nullptr");
    auto *at = static_cast<const volatile void *>(value.get());
    __halo_plain(&to, name_of<const volatile void *>(), &at);
    if constexpr (is_followed<T>) {
      put(to, " -> ");
      show<Hooks>(to, *value);
    }
  } else if constexpr (is_wrapper<T>) {
    show<Hooks>(to, value.get());
  } else if constexpr (is_atomic<T>) {
    show<Hooks>(to, value.load());
  } else if constexpr (is_type<T>) {
    __halo_type(&to, value.name());
  } else if constexpr (is_weak<T>) {
    if (value.expired())
      return put(to, "expired");
    show_class<Hooks>(to, value.lock());
  } else if constexpr (is_optional<T>) {
    if (value.has_value())
      show<Hooks>(to, *value);
    else
      put(to, "nullopt");
  } else if constexpr (is_variant<T>) {
    show_alternative<Hooks>(to, value);
  } else if constexpr (is_duration<T>) {
    show<Hooks>(to, value.count());
    show_unit<typename T::period>(to);
  } else if constexpr (is_time_point<T>) {
    show_time<Hooks>(to, value);
  } else if constexpr (is_bits<T>) {
    auto &&text = value.to_string();
    __halo_put(&to, text.data(), text.size());
  } else if constexpr (is_any<T>) {
    if (!value.has_value())
      return put(to, "empty");
    __halo_type(&to, value.type().name());
  } else if constexpr (is_function<T>) {
    if (!value)
      return put(to, "empty");
    __halo_type(&to, value.target_type().name());
  } else if constexpr (is_error<T>) {
    put(to, value.category().name());
    put(to, ":");
    __halo_number(&to, value.value());
    auto &&text = value.message();
    put(to, " (");
    __halo_put(&to, text.data(), text.size());
    put(to, ")");
  } else if constexpr (is_complex<T>) {
    show<Hooks>(to, value.real());
    put(to, " + ");
    show<Hooks>(to, value.imag());
    put(to, "i");
  } else if constexpr (is_streamed<Hooks, T, C>) {
    buffer<C> into(to);
    ostream<C> writes(&into);
    writes << value;
  } else if constexpr (is_exception<T>) {
    show_text(to, value.what(), __builtin_strlen(value.what()));
  } else if constexpr (is_range<T> || (is_iterable<T> && !is_iterator<T>)) {
    show_elements<Hooks>(to, value);
  } else if constexpr (is_adaptor<T>) {
    show<Hooks>(to, heir<T>::inner(value));
  } else if constexpr (is_tuple<T>) {
    put(to, "{");
    show_fields<Hooks>(to, value);
    put(to, std::tuple_size<T>::value ? " }" : "}");
  } else {
    __halo_plain(&to, name_of<T>(), __builtin_addressof(value));
  }
}

template <int Hooks, class T> void show(out &to, const T &value) {
  if (to.depth >= depth_limit)
    return put(to, "...");
  ++to.depth;
  if constexpr (__is_class(T) || __is_union(T))
    show_class<Hooks>(to, value);
  else
    __halo_plain(&to, name_of<T>(),
                 const_cast<const void *>(static_cast<const volatile void *>(__builtin_addressof(value))));
  --to.depth;
}

template <class T> constexpr bool is_class = __is_class(T) || __is_union(T);

template <int Hooks, class T> void show_member(out &to, const void *at) {
  show<Hooks>(to, *static_cast<const T *>(at));
}

struct view {
  const char *data;
  size bytes;
  view(const char *text) : data(text), bytes(__builtin_strlen(text)) {}
  template <class T>
  view(const T &of)
      : data(reinterpret_cast<const char *>(of.data())), bytes(of.size() * sizeof(*of.data())) {}
};

/* One form of a value, or a range of them. */
template <class T> void display(const T &value) {
  if constexpr (is_picture<T>) {
    view mime(value.mime), data(value.data);
    __halo_picture(mime.data, mime.bytes, data.data, data.bytes);
  } else
    for (auto &&each : value)
      display(each);
}
} // namespace __halo

/* `members`: types that the value has members of. */
template <int Hooks = 0, class T, class... Members>
void __halo_value(unsigned long long number, T &&value, Members *...members) {
  using plain = __remove_cv(__remove_reference_t(T));
  if constexpr (sizeof...(Members) > 0) {
    static constexpr __halo_member *table[] = {&__halo::show_member<Hooks, Members>...};
    __halo_learn(number, table, sizeof...(Members));
  }
  if constexpr (__is_function(plain)) {
    __halo_show(number, reinterpret_cast<const void *>(&value));
  } else if constexpr (__halo::is_class<plain> && !__is_volatile(__remove_reference_t(T))) {
    __halo::out text{};
    __halo::show<Hooks>(text, value);
    __halo_tell(number, __builtin_addressof(value), &text);
  } else {
    __halo_show(number,
                const_cast<const void *>(static_cast<const volatile void *>(__builtin_addressof(value))));
  }
}

template <int Hooks = 0, class T, class... Members>
void __halo_display(unsigned long long number, T &&value, Members *...members) {
  if constexpr (__halo::is_displayed<Hooks, __remove_cv(__remove_reference_t(T))>)
    __halo::display(halo_display(value));
  __halo_value<Hooks>(number, static_cast<T &&>(value), members...);
}
#endif
