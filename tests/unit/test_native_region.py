"""What a region copies and what stays the program's, seen by running both together."""

# Quoted programs keep their own line lengths.
# ruff: noqa: E501

from pathlib import Path

import pytest
from native_kit import build, disassembly, image, run, symbols

LEVELS = pytest.mark.parametrize("level", [0, 1, 3])


def outcome(
    source: str, roots: list[str], main: str, directory: Path, level: int, **more: object
) -> str:
    language = str(more.get("language", "c"))
    built = build(image(source, language=language), *roots, level=level, gate=False)
    return run(source, built, main, directory, language=language)


@LEVELS
def test_variables_are_the_program_s(tmp_path: Path, level: int) -> None:
    source = """
        static int hidden; int shown = 5;
        int bump(int by) { static int calls; hidden += by; shown += hidden; return ++calls; }
        int look(void) { return hidden; }
    """
    main = """
        extern int shown; int bump(int), look(void); int variant(int) VARIANT(bump);
        int main(void) { int a = bump(1), b = variant(2), c = bump(3);
            printf("%d %d %d %d %d", a, b, c, look(), shown); }
    """
    # Ordinals keep `calls` apart from other statics; its name in the object is bump.calls.
    assert outcome(source, ["bump"], main, tmp_path, level) == "1 2 3 6 15"


@LEVELS
def test_a_function_s_address_is_the_program_s(tmp_path: Path, level: int) -> None:
    source = """
        int twice(int x) { return 2 * x; }
        int (*pick(void))(int) { return twice; }
        int check(int (*f)(int)) { return f == twice; }
        int apply(int x) { int (*f)(int) = twice; return f(x) + twice(x); }
    """
    main = """
        int twice(int), check(int (*)(int)); int (*pick(void))(int) VARIANT(pick);
        int check_variant(int (*)(int)) VARIANT(check); int apply(int) VARIANT(apply);
        int main(void) { printf("%d %d %d %d", pick() == twice, check(pick()), check_variant(twice), apply(5)); }
    """
    assert outcome(source, ["pick", "check", "apply"], main, tmp_path, level) == "1 1 1 20"


def test_what_is_hot_is_copied_before_others(tmp_path: Path) -> None:
    body = " ".join(f"x = x * {n} ^ *p++;" for n in range(3, 43))
    names = [f"part{n}" for n in range(8)]
    parts = "".join(
        f"__attribute__((noinline)) int {name}(int x, volatile int *p) {{ {body} return x; }}\n"
        for name in names
    )
    calls = "".join(f"case {n}: return {name}(x, p);" for n, name in enumerate(names))
    source = (
        f"{parts} int root(int k, int x, volatile int *p) {{ switch (k) {{ {calls} }} return 0; }}"
    )
    found = {fact.name: fact.instructions for fact in image(source).functions}
    limit = str(4 * found["part0"])
    plain = build(image(source), "root", options={"region-limit": limit})
    hot = build(image(source), "root", options={"region-limit": limit}, hot=["root", "part7"])
    none = build(image(source), "root", options={"region-limit": limit}, hot=["root"])
    assert plain.functions == ["root", "part0", "part1", "part2", "part3"]
    assert hot.functions == ["root", "part7"]
    assert none.functions == ["root"]


def test_a_call_through_a_known_pointer_is_inlined(tmp_path: Path) -> None:
    source = """
        static int add(int x) { return x + 1000; }
        static int map(int (*f)(int), const int *p, int n) { int s = 0; for (int i = 0; i < n; i++) s += f(p[i]); return s; }
        int sum(const int *p, int n) { return map(add, p, n); }
    """
    built = build(image(source), "sum", gate=False)
    assert built.needs == {}
    assert "\tcall" not in disassembly(built, tmp_path)


@LEVELS
def test_constants_keep_their_identity(tmp_path: Path, level: int) -> None:
    source = """
        const int KEY = 42; const int table[4] = {1, 2, 3, 4};
        const int *key(void) { return &KEY; }
        int is_key(const int *p) { return p == &KEY ? *p : -1; }
        int entry(int i) { return table[i & 3]; }
        const char *text(void) { return "literal"; }
    """
    main = """
        extern const int KEY; const int *key(void) VARIANT(key); int is_key(const int *) VARIANT(is_key);
        int entry(int) VARIANT(entry); const char *text(void) VARIANT(text);
        int main(void) { printf("%d %d %d %s", key() == &KEY, is_key(&KEY), entry(2), text()); }
    """
    assert (
        outcome(source, ["key", "is_key", "entry", "text"], main, tmp_path, level)
        == "1 42 3 literal"
    )


def test_contents_of_constants_are_known() -> None:
    built = build(
        image("const int table[4] = {1, 2, 3, 4}; int f(void) { return table[2]; }"),
        "f",
        gate=False,
    )
    assert built.needs == {}


@LEVELS
def test_recursion_stays_inside(tmp_path: Path, level: int) -> None:
    source = """
        int odd(int n); int even(int n) { return n == 0 ? 1 : odd(n - 1); }
        int odd(int n) { return n == 0 ? 0 : even(n - 1); }
        int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
    """
    main = """
        int even(int) VARIANT(even); int fib(int) VARIANT(fib);
        int main(void) { printf("%d %d %d", even(10), even(7), fib(20)); }
    """
    built = build(image(source), "even", "fib", level=level, gate=False)
    assert built.needs == {}
    assert run(source, built, main, tmp_path) == "1 0 6765"


@LEVELS
def test_exceptions_cross_in_both_directions(tmp_path: Path, level: int) -> None:
    source = """
        #include <stdexcept>
        struct Noisy { int *n; ~Noisy() { ++*n; } };
        int destroyed;
        extern "C" __attribute__((noinline)) void fail(int x) { if (x > 2) throw std::out_of_range("too far"); }
        extern "C" int guarded(int x) { Noisy noisy{&destroyed}; try { fail(x); } catch (const std::logic_error &) { return -1; } return x; }
        extern "C" int leaky(int x) { Noisy noisy{&destroyed}; fail(x); return x; }
    """
    main = """
        #include <stdexcept>
        extern int destroyed; extern "C" int guarded(int) VARIANT(guarded); extern "C" int leaky(int) VARIANT(leaky);
        int main() { int a = guarded(1), b = guarded(3), c = 0;
            try { leaky(9); } catch (const std::out_of_range &e) { c = e.what()[0]; }
            printf("%d %d %c %d", a, b, c, destroyed); }
    """
    assert (
        outcome(source, ["guarded", "leaky"], main, tmp_path, level, language="c++") == "1 -1 t 3"
    )


# Not at level 0: what inlining removes from the program (here a base class's vtable) has no symbol.
@pytest.mark.parametrize("level", [1, 2, 3])
def test_virtual_calls_and_casts(tmp_path: Path, level: int) -> None:
    source = """
        struct Shape { virtual ~Shape() = default; virtual int area() const = 0; };
        struct Square final : Shape { int side; explicit Square(int s) : side(s) {} int area() const override { return side * side; } };
        struct Line : Shape { int area() const override { return 0; } };
        extern "C" Shape *make(int s) { if (s) return new Square(s); return new Line; }
        extern "C" int measure(const Shape *s) { return dynamic_cast<const Square *>(s) ? s->area() : -1; }
        extern "C" int use(int s) { Square local(s); const Shape &shape = local; return shape.area(); }
    """
    main = """
        struct Shape { virtual ~Shape() = default; virtual int area() const = 0; };
        extern "C" Shape *make(int); extern "C" int measure(const Shape *); extern "C" int use(int) VARIANT(use);
        extern "C" Shape *make2(int) VARIANT(make); extern "C" int measure2(const Shape *) VARIANT(measure);
        int main() { printf("%d %d %d %d %d", measure(make2(3)), measure2(make(4)), measure2(make2(5)), measure2(make2(0)), use(6)); }
    """
    assert (
        outcome(source, ["make", "measure", "use"], main, tmp_path, level, language="c++")
        == "9 16 25 -1 36"
    )


@LEVELS
def test_jump_tables_are_copied_with_their_function(tmp_path: Path, level: int) -> None:
    source = """
        int interpret(const char *code) {
            static void *const labels[] = {&&add, &&sub, &&end}; int value = 0;
        next: goto *labels[*code++ - 'a'];
        add: value += 10; goto next;
        sub: value -= 1; goto next;
        end: return value; }
    """
    main = 'int interpret(const char *) VARIANT(interpret); int main(void) { printf("%d", interpret("aabac")); }'
    built = build(image(source), "interpret", level=level, gate=False)
    assert built.needs == {}
    assert run(source, built, main, tmp_path) == "29"


@LEVELS
def test_thread_locals_by_accessor(tmp_path: Path, level: int) -> None:
    source = "__thread int mine = 7; int bump(int by) { int *p = &mine; *p += by; return mine; }"
    main = """
        extern __thread int mine; void *accessor(void) __asm__("mine.tls"); void *accessor(void) { return &mine; }
        int bump(int) VARIANT(bump);
        int main(void) { int a = bump(1); mine *= 2; printf("%d %d %d", a, bump(3), mine); }
    """
    of = image(source)
    built = build(of, "bump", level=level, gate=False)
    (symbols_,) = built.needs.values()
    assert symbols_[0][1] == 0
    assert run(source, built, main, tmp_path) == "8 19 19"


def test_thread_locals_by_offset(tmp_path: Path) -> None:
    of = image("__thread int mine; int get(void) { return mine; }")
    module = of.functions[0].module
    built = build(of, "get", tls_offsets={(module, 0): -24}, gate=False)
    assert built.needs == {}
    text = disassembly(built, tmp_path)
    assert "%fs:" in text
    assert "-0x18" in text


@LEVELS
def test_structs_by_value_and_wide_numbers(tmp_path: Path, level: int) -> None:
    source = """
        struct Big { long a[6]; }; struct Small { float x, y; };
        struct Big swap(struct Big b) { long t = b.a[0]; b.a[0] = b.a[5]; b.a[5] = t; return b; }
        struct Small scale(struct Small s, float k) { s.x *= k; s.y *= k; return s; }
        __int128 wide(__int128 a, __int128 b) { return a / b; }
        long double precise(long double x) { return x / 3; }
    """
    main = """
        struct Big { long a[6]; }; struct Small { float x, y; };
        struct Big swap(struct Big) VARIANT(swap); struct Small scale(struct Small, float) VARIANT(scale);
        __int128 wide(__int128, __int128) VARIANT(wide); long double precise(long double) VARIANT(precise);
        int main(void) { struct Big b = {{1, 2, 3, 4, 5, 6}}; b = swap(b); struct Small s = scale((struct Small){1, 2}, 4);
            printf("%ld %ld %g %g %ld %.20Lg", b.a[0], b.a[5], s.x, s.y, (long)wide(100, 7), precise(1)); }
    """
    expected = "6 1 4 8 14 0.33333333333333333334"
    assert outcome(source, ["swap", "scale", "wide", "precise"], main, tmp_path, level) == expected


@LEVELS
def test_dead_arguments_may_be_anything(tmp_path: Path, level: int) -> None:
    # After optimization `divisor` and `p` are dead: ahead-of-time callers may pass garbage.
    source = "int f(int x, int divisor, int *p) { int unused = x / divisor + *p; (void)unused; return x + 1; }"
    main = 'int f(int, int, int *) VARIANT(f); int main(void) { printf("%d", f(1, 0, (int *)16)); }'
    assert outcome(source, ["f"], main, tmp_path, level) == "2"


def test_what_aot_optimization_left_out_is_copied_without_a_symbol() -> None:
    source = (
        "static int tiny(int x) { return x ^ 1; } int f(int x) { return tiny(x) + tiny(x + 2); }"
    )
    built = build(image(source), "f", level=0, gate=False)
    assert built.needs == {}
    assert built.functions[0] == "f"
    assert built.functions[1].startswith("tiny.")


def test_library_bodies_that_the_program_has_inlined_are_copied() -> None:
    # Extern templates: a body to inline, the symbol in libstdc++, which final code may not name.
    source = """
        #include <string>
        extern "C" bool f(const std::string &a, const std::string &b) { return a.compare(b) < 0; }
    """
    needs = build(image(source, language="c++"), "f", gate=False).needs
    assert not any("compare" in name for name in needs)


def test_large_callees_stay_the_program_s() -> None:
    body = "".join(f"x = x * {n} + (x >> {n % 7}) ; if (x == {n}) y[{n}]++;" for n in range(900))
    source = f"int big(int x, int *y) {{ {body} return x; }} int f(int x, int *y) {{ return big(x, y); }}"
    built = build(image(source), "f", gate=False)
    assert built.functions == ["f"]
    assert list(built.needs) == ["big"]


def test_aliases_are_the_program_s() -> None:
    of = image(
        'int real(int x) { return x; } int other(int) __attribute__((alias("real"))); int f(int x) { return other(x); }'
    )
    assert list(build(of, "f", gate=False).needs) == ["other"]


def test_builtins_have_no_candidates() -> None:
    source = "struct S { char c[4096]; }; void f(struct S *a, struct S *b) { *a = *b; }"
    assert build(image(source), "f", gate=False).needs == {"memcpy": []}


def test_only_roots_can_be_linked_to(tmp_path: Path) -> None:
    source = "__attribute__((noinline)) static int inner(int x) { return x * x + 3; } int f(int x) { return inner(x) + inner(x + 1); }"
    listed = symbols(build(image(source), "f", level=0, gate=False), tmp_path)
    assert listed["f.halo"] == "T"
    assert {letter for name, letter in listed.items() if name.startswith("inner")} == {"t"}


@pytest.mark.parametrize("level", [0, 3])
def test_the_same_input_gives_the_same_bytes(level: int) -> None:
    source = """
        #include <map>
        #include <string>
        extern "C" int f(int n) { std::map<std::string, int> m; for (int i = 0; i < n; i++) m[std::to_string(i)] += i; return m.size(); }
    """
    first, second = image(source, language="c++"), image(source, language="c++")
    built = [build(of, "f", level=level) for of in (first, second, first)]
    assert len({b.data for b in built}) == 1
    assert len({b.digest for b in built}) == 1
    assert built[0].needs == built[1].needs
    assert build(first, "f", level=2).data != built[0].data
