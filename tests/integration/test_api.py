"""The Python API: values both ways, functions, errors, and that the documentation is true."""

from __future__ import annotations

import copy
import doctest
import math
import os
import pickle
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import halojit

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "python.md"
HEADERS = "".join(
    f"#include <{each}>\n"
    for each in "string vector array map set optional variant tuple complex span memory".split()
)


@pytest.fixture(scope="module")
def shared() -> Iterator[halojit.Interpreter]:
    """With headers; what tests declare has names of its own."""
    with halojit.Interpreter() as cpp:
        cpp.run(HEADERS)
        yield cpp


@pytest.fixture
def cpp() -> Iterator[halojit.Interpreter]:
    with halojit.Interpreter() as cpp:
        yield cpp


def test_the_documentation_is_true() -> None:
    result = doctest.testfile(
        str(DOCUMENTATION), module_relative=False, optionflags=doctest.IGNORE_EXCEPTION_DETAIL
    )
    assert result.attempted > 20 and not result.failed


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("true", True),
        ("(signed char)-3", -3),
        ("(unsigned char)200", 200),
        ("(short)-30000", -30000),
        ("(unsigned short)60000", 60000),
        ("-7", -7),
        ("4000000000u", 4000000000),
        ("-9223372036854775807LL - 1", -(1 << 63)),
        ("18446744073709551615ull", (1 << 64) - 1),
        ("((__int128)1 << 100) + 1", (1 << 100) + 1),
        ("-((__int128)1 << 100)", -(1 << 100)),
        ("1.5f", 1.5),
        ("0.1", 0.1),
        ("2.25L", 2.25),
        ("std::complex<float>(1, -2)", 1 - 2j),
        ("'a'", "a"),
        ("L'\\u00e9'", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("U'\\U0001F600'", "\N{GRINNING FACE}"),
        ("(wchar_t)-1", "\N{REPLACEMENT CHARACTER}"),
        ("(char32_t)0x10ffff", "\U0010ffff"),
        ("std::u32string{U'a', (char32_t)0x110000, 0xd800}", "a\N{REPLACEMENT CHARACTER}\ud800"),
        ('"abc"', "abc"),
        ('(const char *)"abc"', "abc"),
        ("(const char *)nullptr", None),
        ('u"\\U0001F600"', "\N{GRINNING FACE}"),
        ('std::string("a\\0b", 3)', "a\0b"),
        ('std::string("\\xff")', "\udcff"),
        ('std::string_view("view")', "view"),
        ('std::wstring(L"wide")', "wide"),
        ("nullptr", None),
        ("std::optional<int>()", None),
        ("std::optional<int>(3)", 3),
        ('std::variant<int, std::string>("v")', "v"),
        ('std::make_tuple(1, 2.5, std::string("z"))', (1, 2.5, "z")),
        ('std::vector<std::string>{"a", "b"}', ["a", "b"]),
        ('std::map<std::string, int>{{"a", 1}, {"b", 2}}', {"a": 1, "b": 2}),
        ("std::multimap<int, int>{{1, 1}, {1, 2}}", [(1, 1), (1, 2)]),
        ("std::set<char>{'b', 'a'}", ["a", "b"]),
        ("(void)0", None),
        ("1;", None),
    ],
)
def test_values_come_back(shared: halojit.Interpreter, source: str, value: Any) -> None:
    found = shared.run(source)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("source", "dtype", "value"),
    [
        ("std::vector<double>{1, 2.5}", "<f8", [1, 2.5]),
        ("std::vector<std::complex<double>>{{1, 2}}", "<c16", [1 + 2j]),
        ("std::array<float, 2>{1, 2}", "<f4", [1, 2]),
        ("std::vector<bool>{true, false, true}", "bool", [True, False, True]),
        ("std::vector<unsigned char>{1, 255}", "u1", [1, 255]),
        ("std::vector<long double>{1.5L}", "<f8", [1.5]),
        ("std::vector<int>()", "<i4", []),
        ("(const short[2][3]){{1, 2, 3}, {4, 5, 6}}", "<i2", [[1, 2, 3], [4, 5, 6]]),
    ],
)
def test_numbers_side_by_side_are_arrays(
    shared: halojit.Interpreter, source: str, dtype: str, value: list[Any]
) -> None:
    found = shared.run(source)
    assert isinstance(found, np.ndarray) and found.dtype == np.dtype(dtype)
    assert found.tolist() == value
    found.fill(0)  # it is a copy of our own


def test_without_numpy_arrays_are_lists(
    shared: halojit.Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("halojit.api.values.numpy", lambda: None)
    assert shared.run("std::vector<double>{1, 2.5}") == [1.0, 2.5]
    assert shared.run("(const int[2][2]){{1, 2}, {3, 4}}") == [[1, 2], [3, 4]]


def test_enumerators_and_pointers_say_what_they_are(shared: halojit.Interpreter) -> None:
    shared.run("enum class Color : signed char { Red = -1, Green }; int aim = 7;")
    red = shared["Color::Red"]
    assert (red, red.name, red.type) == (-1, "Red", "Color")
    assert (shared["(Color)9"], shared["(Color)9"].name) == (9, "")
    pointer = shared["&aim"]
    assert isinstance(pointer, halojit.Pointer) and pointer.type == "int *"
    shared["there"] = pointer
    assert shared["*there"] == 7
    shared.run("Color color;")
    shared["color"] = "Green"
    assert shared["color"].name == "Green"
    with pytest.raises(ValueError, match="Blue is none of Color: Green, Red"):
        shared["color"] = "Blue"


def test_aggregates_are_dicts(shared: halojit.Interpreter) -> None:
    shared.run(
        """
struct Base { std::string name; };
struct Whole : Base {
  int grid[2][2]; unsigned bits : 3; std::vector<std::string> words; std::optional<double> maybe;
  union { int one; float other; }; std::map<std::string, int> ages; Whole *next;
};
Whole whole{{"w"}, {{1, 2}, {3, 4}}, 5, {"a"}, 1.5, {7}, {{"k", 1}}, nullptr};
struct Pair { std::pair<int, std::string> both; char tag; char text[4]; long double real; };
Pair pairs[2] = {{{1, "x"}, 'c', "abc", 2.5L}, {{2, "y"}, 'd', "", 0}};
"""
    )
    found = shared["whole"]
    assert found.pop("grid").tolist() == [[1, 2], [3, 4]]
    assert found.pop("other") == pytest.approx(7 * 2.0**-149)
    assert found == {
        **{"name": "w", "bits": 5, "words": ["a"], "maybe": 1.5, "one": 7, "ages": {"k": 1}},
        "next": 0,
    }
    again = [
        {"both": (3, "z"), "tag": "e", "text": "xyz", "real": 1.5},
        {"both": (4, ""), "tag": "f", "text": "", "real": -1.0},
    ]
    shared["pairs"] = again
    assert shared["pairs"] == again
    with pytest.raises(ValueError, match=r"pairs\[1\]: odd: missing or no field"):
        shared["pairs"] = [again[0], {**again[1], "tag": "f", "odd": 1}]


def test_what_has_no_form_is_opaque(shared: halojit.Interpreter) -> None:
    found = shared["std::make_unique<int>(5)"]
    assert isinstance(found, halojit.Opaque)
    assert found.type == "std::unique_ptr<int>" and found.text.endswith("-> 5")


@pytest.mark.parametrize(
    ("value", "type"),
    [
        (True, "bool"),
        (7, "int"),
        (1 << 40, "long long"),
        ((1 << 64) - 1, "unsigned long long"),
        (0.1, "double"),
        (math.inf, "double"),
        (1j, "std::complex<double>"),
        ("text\0\udcff", "std::string"),
        ([1, 2], "std::vector<int>"),
        ([1, 0.5], "std::vector<double>"),
        (["a", "b"], "std::vector<std::string>"),
        (np.arange(3, dtype="<u2"), "std::vector<unsigned short>"),
        (np.ones((2, 3)), "double[2][3]"),
        (np.array([1j, 2]), "std::vector<std::complex<double>>"),
    ],
)
def test_new_names_become_variables(cpp: halojit.Interpreter, value: Any, type: str) -> None:
    cpp["fresh"] = value
    assert np.array_equal(cpp["fresh"], value)
    assert cpp.run(f"__is_same(decltype(fresh), {type})") is True


@pytest.mark.parametrize(
    ("declaration", "value", "error"),
    [
        ("signed char n;", 128, OverflowError),
        ("unsigned n;", -1, OverflowError),
        ("int n;", 1.5, TypeError),
        ("int n;", "1", TypeError),
        ("bool n;", 2, TypeError),
        ("float n;", 1e300, OverflowError),
        ("char n;", "ab", TypeError),
        ("char n[3];", "abc", ValueError),
        ("int n[2];", [1], ValueError),
        ("int n[2];", np.arange(3), ValueError),
        ("std::vector<int> n;", np.array([0.5]), TypeError),
        ("std::vector<signed char> n;", np.array([300]), OverflowError),
        ("std::vector<double> n;", [1, None], TypeError),
        ("std::unique_ptr<int> n;", 1, TypeError),
        ("const char *n;", "a\0b", ValueError),
        ("int n[2][2];", [[1, 2], [3]], ValueError),
        ("_Float16 n;", 70000, OverflowError),
        ("std::vector<float> n;", [1, 1e300], OverflowError),
        ("std::vector<float> n;", np.array([1, 1e300]), OverflowError),
        ("std::vector<std::complex<float>> n;", np.array([1e300j]), OverflowError),
    ],
)
def test_what_does_not_fit_is_refused(
    shared: halojit.Interpreter, declaration: str, value: Any, error: type[Exception]
) -> None:
    shared.run(declaration)
    inputs = shared.inputs
    with pytest.raises(error, match="n"):
        shared["n"] = value
    assert shared.inputs == inputs


def test_large_arrays_go_both_ways(shared: halojit.Interpreter) -> None:
    values = np.random.default_rng(1).random(1_000_000)
    shared["large"] = values
    shared.run("for (double &each : large) each = -each;")
    assert np.array_equal(shared["large"], -values)


def test_functions(shared: halojit.Interpreter) -> None:
    shared.run(
        """
std::string greet(const char *a, std::string b, std::string_view c) {
  return a + b + std::string(c);
}
long count = 0;
void tick() { ++count; }
struct Point { double x, y; };
Point swapped(const Point &p) { return {p.y, p.x}; }
std::vector<int> &&moved(std::vector<int> &&v) { v.push_back(9); return std::move(v); }
void thrice(std::span<float> all) { for (float &each : all) each *= 3; }
const std::string &longest(const std::vector<std::string> &all) { return all.at(1); }
double norm(const double *x, int n, const double *y, int m) { return x[n - 1] + y[m - 1]; }
"""
    )
    greet = shared.function("std::string(const char *, std::string, std::string_view)", "greet")
    assert greet("a", "b\0", "c") == "ab\0c"
    tick = shared.function("void()", "tick")
    assert tick() is None and tick() is None and shared["count"] == 2
    point = shared.function("Point(const Point &)", "swapped")({"x": 1, "y": 2})
    assert point == {"x": 2.0, "y": 1.0}
    moved = shared.function("std::vector<int> &&(std::vector<int> &&)", "moved")
    assert moved([1]).tolist() == [1, 9]
    floats = np.arange(3, dtype="<f4")
    shared.function("void(std::span<float>)", "thrice")(floats)
    assert floats.tolist() == [0, 3, 6]
    longest = shared.function("const std::string &(const std::vector<std::string> &)", "longest")
    assert longest(["a", "bb"]) == "bb"
    norm = shared.function("double(const double *, int, const double *, int)", "norm")
    assert norm([1.0, 2.0], [30.0]) == norm([1.0, 2.0], 2, [30.0], 1) == 32.0
    with pytest.raises(TypeError, match="3 arguments"):
        norm([1.0], 1, [1.0])
    with pytest.raises(TypeError, match="no type of a function"):
        shared.function("double", "norm")
    with pytest.raises(halojit.CompileError, match="no_such"):
        shared.function("void()", "no_such")


def test_a_function_that_is_defined_again_or_taken_back(cpp: halojit.Interpreter) -> None:
    cpp.run("double f(double x) { return 2 * x; }")
    f = cpp.function("double(double)", "f")
    assert f(1) == 2
    cpp.run("double f(double x) { return 3 * x; }")
    assert f(1) == 3
    cpp.undo(4)  # call, definition, call, and what the handle has made
    assert f(1) == 2


def test_a_variable_that_is_defined_again_is_another(cpp: halojit.Interpreter) -> None:
    cpp.run("auto by = [](double x) { return 2 * x; };")
    old = cpp.function("double(double)", "by")
    assert len(cpp.inputs) == 2
    cpp.run("auto by = [](double x) { return 3 * x; };")
    assert (old(1), cpp.function("double(double)", "by")(1)) == (2, 3)


def test_what_only_comes_is_refused(shared: halojit.Interpreter) -> None:
    shared.run(
        '#include <filesystem>\nstd::filesystem::path where{"/a"};'
        "std::variant<int, double> either{1};"
        "std::multimap<int, int> many{{1, 2}}; union { int one; float other; } both{3};"
    )
    for name in ("where", "either", "many", "both"):
        with pytest.raises(TypeError, match="no value of Python becomes"):
            shared[name] = shared[name]


def test_errors_leave_the_session_usable(cpp: halojit.Interpreter) -> None:
    cpp.run("#include <stdexcept>\n#include <cstdlib>\nint x = 1;")
    with pytest.raises(halojit.CppError) as caught:
        cpp.run('x = 2; throw std::runtime_error("no");')
    assert (caught.value.type, caught.value.what) == ("std::runtime_error", "no")
    assert cpp["x"] == 2
    with pytest.raises(halojit.CompileError, match="no_such_name"):
        cpp.run("x = 3; no_such_name")
    with pytest.raises(halojit.LinkError, match="nowhere"):
        cpp.run("int nowhere(); x = nowhere();")
    with pytest.raises(halojit.CrashError) as crashed:
        cpp.run("void deep(int *p) { *p = 1; }\nx = 3; deep(nullptr);")
    assert crashed.value.signal is signal.SIGSEGV and crashed.value.status is None
    assert [each.function for each in crashed.value.backtrace] == ["deep(int*)", "the input"]
    with pytest.raises(halojit.CrashError) as left:
        cpp.run("x = 3; exit(5);")
    assert (left.value.status, left.value.signal) == (5, None)
    assert cpp["x"] == 2
    crash = cpp.function("void(int)", "[](int n) { x = n; __builtin_trap(); }")
    with pytest.raises(halojit.CrashError):
        crash(7)
    assert cpp["x"] == 2


def test_an_interrupt_ends_the_input(cpp: halojit.Interpreter) -> None:
    cpp.run("int x = 1;")
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        cpp.run("x = 2; for (volatile int i = 0;;) i = i + 1;")
    assert cpp["x"] == 1


def test_only_what_may_have_effects_is_an_input(cpp: halojit.Interpreter) -> None:
    cpp.run("int x = 1; int next() { return ++x; }")
    assert (cpp["x"], cpp["x + 1"]) == (1, 2)
    assert len(cpp.inputs) == 1
    assert (cpp["int y = 5; x"], cpp["#define Y y\nx"], cpp["Y"]) == (1, 1, 5)
    assert len(cpp.inputs) == 3
    assert (cpp["next()"], cpp["x"], len(cpp.inputs)) == (2, 2, 4)
    with pytest.raises(halojit.CrashError):
        cpp.run("__builtin_trap();")
    assert cpp["x"] == 2
    cpp.checkpoint("here")
    cpp["x"] = 9
    assert cpp.restore("here") == 1
    assert (cpp["x"], cpp.undo()) == (2, 1)
    assert cpp["x"] == 1


def test_warnings_are_warnings(cpp: halojit.Interpreter) -> None:
    with pytest.warns(halojit.CompileWarning, match="overflow"):
        cpp.run("int y = 2147483647 + 1;")
    with pytest.warns(halojit.CompileWarning) as told:
        cpp["short(y = 2147483647 + 1)"]
        cpp["*(&y + 0 * (2147483647 + 1))"] = 1
    assert [each.filename for each in told] == [__file__] * 2
    with warnings.catch_warnings(record=True) as caught:
        cpp["y > 3"]
    assert not caught


def test_names_of_the_users_are_theirs(cpp: halojit.Interpreter) -> None:
    cpp.run("int in = 1, it = 2, size = 3; double out[2] = {};")
    cpp["in"], cpp["it"], cpp["size"], cpp["out"] = 4, 5, 6, [7, 8]
    assert (cpp["in"], cpp["it"], cpp["size"], cpp["out"].tolist()) == (4, 5, 6, [7, 8])


def test_what_is_no_session_says_so() -> None:
    with pytest.raises(halojit.SessionError, match="failed"):
        halojit.Interpreter("c++99")
    with pytest.raises(TypeError, match="a str; expected a list"):
        halojit.Interpreter(flags="-DFOO=3")
    with halojit.Interpreter(flags=["-DFOO=3"]) as cpp:
        assert cpp["FOO"] == 3
    with pytest.raises(halojit.SessionError, match="closed"):
        cpp.run("1")
    with pytest.raises(halojit.SessionError, match="closed"):
        cpp["x"] = 1
    with pytest.raises(halojit.SessionError, match="closed"):
        cpp.function("int(int)", "f")
    assert issubclass(halojit.SessionError, halojit.Error)


def test_names_that_are_declared(cpp: halojit.Interpreter) -> None:
    cpp.run("int g = 1; namespace inner { int hidden; } struct S {}; int f() { return 1; }")
    cpp["fresh"] = 1
    assert [each for each in ("g", "S", "f", "fresh", "inner") if each not in cpp] == []
    assert "hidden" not in cpp and "int" not in cpp and "" not in cpp
    with pytest.raises(TypeError, match="not iterable"):
        list(cpp)  # type: ignore[call-overload]


@pytest.mark.parametrize("source", [5, None, {"x": 1}, b"1"])
def test_what_is_no_text_is_refused(shared: halojit.Interpreter, source: Any) -> None:
    uses = (
        shared.run,
        shared.__getitem__,
        shared.__contains__,
        lambda name: shared.__setitem__(name, 1),
        lambda name: shared.function("int(int)", name),
        lambda type: shared.function(type, "f"),
    )
    for use in uses:
        with pytest.raises(TypeError, match="is no str; expected C"):
            use(source)


def test_arrays_that_would_cut_what_is_written_are_refused(shared: halojit.Interpreter) -> None:
    shared.run(
        """
int calls = 0;
void halve(std::span<double> all) { ++calls; for (double &each : all) each /= 2; }
void add_300(int *all, size_t n) { ++calls; for (size_t i = 0; i < n; ++i) all[i] += 300; }
double first(std::span<const double> all) { return all[0]; }
"""
    )
    halve = shared.function("void(std::span<double>)", "halve")
    add = shared.function("void(int *, size_t)", "add_300")
    whole, small = np.array([1, 2, 3]), np.array([1], dtype="i1")
    with pytest.raises(TypeError, match=r"std::span<double> .* int64 .* a.astype\('float64'\)"):
        halve(whole)
    with pytest.raises(TypeError, match=r"int \* writes int32, .* array of int8"):
        add(small)
    assert (whole.tolist(), small.tolist(), shared["calls"]) == ([1, 2, 3], [1], 0)
    exact = whole.astype(float)
    halve(exact)
    assert (exact.tolist(), shared["calls"]) == ([0.5, 1, 1.5], 1)
    assert shared.function("double(std::span<const double>)", "first")(whole) == 1


def test_read_only_arrays_are_refused_before_the_call(shared: halojit.Interpreter) -> None:
    shared.run(
        """
int negated = 0;
void negate(std::span<double> all) { ++negated; for (double &each : all) each = -each; }
double front(std::span<const double> all) { return all[0]; }
"""
    )
    fixed = np.ones(2)
    fixed.flags.writeable = False
    with pytest.raises(ValueError, match="std::span<double> writes into a read-only array"):
        shared.function("void(std::span<double>)", "negate")(fixed)
    assert shared["negated"] == 0
    assert shared.function("double(std::span<const double>)", "front")(fixed) == 1


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_values_and_errors_can_be_copied_and_pickled(
    shared: halojit.Interpreter, again: Callable[[Any], Any]
) -> None:
    shared.run("#include <stdexcept>\nenum class Light { On = 4 };")
    for source in ("Light::On", "(int *)16", "std::make_unique<int>(5)"):
        value = shared[source]
        assert type(again(value)) is type(value) and repr(again(value)) == repr(value)
    assert again(shared["Light::On"]) == 4
    for source in ("__builtin_trap();", "exit(3);", 'throw std::logic_error("no");', "no_such"):
        with pytest.raises(halojit.Error) as caught:
            shared.run(source)
        error = again(caught.value)
        assert type(error) is type(caught.value) and str(error) == str(caught.value)
        assert error.__dict__ == caught.value.__dict__


def test_what_is_beyond_a_type_is_told_with_its_limits(shared: halojit.Interpreter) -> None:
    shared.run("short limited; std::vector<float> floats;")
    with pytest.raises(OverflowError, match="limited: 40000 is beyond short: -32768 to 32767"):
        shared["limited"] = 40000
    with pytest.raises(OverflowError, match=r"1e\+300.* is beyond float: -3.40282e\+38 to 3.4"):
        shared["floats"] = np.array([1, 1e300])


def test_enumerations_have_limits(shared: halojit.Interpreter) -> None:
    shared.run(
        """
enum class Byte : unsigned char { Last = 255 }; enum class Letter : char { X = 'x' };
enum class Switch : bool { Off, On };
enum class Wide : unsigned long long { Top = ~0ull }; enum class Low : long { Least = -1 };
struct Limits { Byte byte; Wide wide; Letter letter; Low low; Switch is_on; };
Limits limits{Byte::Last, Wide::Top, Letter::X, Low::Least, Switch::On};
Wide next(Wide of) { return Wide((unsigned long long)of - 1); }
"""
    )
    top = (1 << 64) - 1
    found = {"byte": 255, "wide": top, "letter": 120, "low": -1, "is_on": 1}
    assert shared["limits"] == found and shared["limits"]["wide"].name == "Top"
    shared["limits"] = found
    assert shared["limits"] == found
    shared["limits.wide"] = 1 << 63
    assert shared["limits.wide"] == 1 << 63
    shared["limits.wide"] = "Top"
    shared["same"] = shared["limits.wide"]
    assert shared["same"] == top
    assert shared.function("Wide(Wide)", "next")(top) == top - 1
    for name, value, limits in (
        ("byte", 256, "Byte: 0 to 255"),
        ("byte", -1, "Byte: 0 to 255"),
        ("letter", 128, "Letter: -128 to 127"),
        ("wide", -1, "Wide: 0 to 18446744073709551615"),
        ("low", 1 << 63, "Low: -9223372036854775808 to 9223372036854775807"),
    ):
        with pytest.raises(OverflowError, match=f"limits.{name}: {value} is beyond {limits}"):
            shared[f"limits.{name}"] = value
    for name, value, type in (("byte", 1.5, "Byte"), ("is_on", 2, "Switch")):
        with pytest.raises(TypeError, match=f"{value} is no {type}"):
            shared[f"limits.{name}"] = value
    shared.run("struct Inner { enum { A, B } kind; } inner{Inner::B}; Inner a() { return inner; }")
    assert shared.function("Inner()", "a")() == {"kind": 1}
    with pytest.raises(TypeError, match="no value of Python becomes"):
        shared["inner"] = {"kind": 0}


def test_bit_fields_cut_nothing(shared: halojit.Interpreter) -> None:
    shared.run(
        """
enum class Two { A, B, C, D, E };
struct Narrow { int before; unsigned three : 3; int four : 4; bool one : 1; Two two : 2; };
Narrow narrow{}; std::vector<Narrow> row; int asked = 0;
int three_of(const std::string &, Narrow of) { ++asked; return of.three; }
"""
    )
    fits = {"before": 9, "three": 7, "four": -8, "one": True, "two": "B"}
    shared["narrow"] = fits
    kept, inputs = shared["narrow"], shared.inputs
    assert kept == fits | {"two": 1}
    for name, value, limits in (
        ("three", 8, "unsigned int: 0 to 7"),
        ("four", 8, "int: -8 to 7"),
        ("four", -9, "int: -8 to 7"),
        ("two", "E", "Two: -2 to 1"),
    ):
        with pytest.raises(OverflowError, match=f"{name}: .* beyond this bit-field of {limits}"):
            shared["narrow"] = fits | {"before": 1, name: value}
    with pytest.raises(OverflowError, match=r"row\[1\].three: 8 is beyond"):
        shared["row"] = [fits, fits | {"three": 8}]
    with pytest.raises(OverflowError, match="row: a number is beyond a bit-field"):
        shared["row"] = iter([fits, fits | {"three": 8}])
    assert (shared["narrow"], shared["row"], shared.inputs) == (kept, [], inputs)
    three_of = shared.function("int(const std::string &, Narrow)", "three_of")
    assert three_of("text", fits) == 7
    with pytest.raises(OverflowError, match="three: 9 is beyond this bit-field of unsigned int"):
        three_of("text", fits | {"three": 9})
    assert shared["asked"] == 1
