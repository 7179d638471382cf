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
