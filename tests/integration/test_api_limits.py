"""The Python API: what would be cut on its way into C++, or back, is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import halojit

HEADERS = "".join(f"#include <{each}>\n" for each in "complex memory span string vector".split())


@pytest.fixture(scope="module")
def shared() -> Iterator[halojit.Interpreter]:
    """With headers; what tests declare has names of its own."""
    with halojit.Interpreter() as cpp:
        cpp.run(HEADERS)
        yield cpp


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
