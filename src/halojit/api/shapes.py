"""Shapes: types of C++ as Python must know them to make values of them (interpreter/Shape.h).

In: a value of Python. Out: the shape of a variable that is made for it. What bytes a value becomes
is in packing.py, how C++ reads them in unpacking.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from halojit.api.values import Enumerator, Pointer

Shape = dict[str, Any]


class ShapeError(TypeError):
    """No value of Python becomes one of this type; says what to do."""


def is_block(shape: Shape) -> bool:
    """Whether elements lie side by side in the same bytes here and there."""
    if shape["kind"] != "number":
        return False
    return (shape["code"], shape["bytes"]) not in (("f", 2), ("f", 16), ("i", 16), ("u", 16))


def enumerations(shape: Any) -> Iterator[Shape]:
    """The shapes of enumerations in one."""
    if isinstance(shape, dict):
        if shape.get("kind") == "enum":
            yield shape
        shape = shape.values()
    elif not isinstance(shape, list):
        return
    for each in shape:
        yield from enumerations(each)


def brief(value: Any) -> str:
    """A value as errors show it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


# ---- types of values that have no variable yet


def natural(value: Any, name: str) -> tuple[Shape, tuple[str, ...]]:
    """The shape that a new variable has for a value, and the headers it needs.

    Raises TypeError.
    """
    if isinstance(value, bool):
        return _plain("b", 1, "bool"), ()
    if isinstance(value, Enumerator | Pointer):
        if isinstance(value, Pointer):
            return {"kind": "pointer", "type": value.type}, ()
        return {"kind": "enum", "type": value.type, "names": {}}, ()
    if isinstance(value, int):
        return _integer(value, value, name), ()
    if isinstance(value, float):
        return _plain("f", 8, "double"), ()
    if isinstance(value, complex):
        return _plain("c", 16, "std::complex<double>"), ("complex",)
    if isinstance(value, str):
        return {"kind": "text", "bytes": 1, "view": False, "type": "std::string"}, ("string",)
    if isinstance(value, bytes):
        return _vector(_plain("u", 1, "unsigned char")), ("vector",)
    if hasattr(value, "dtype"):
        return _of_array(value, name)
    if isinstance(value, list | tuple) and value:
        return _of_list(value, name)
    raise TypeError(
        f"{name}: what {brief(value)} is in C++ is not known; declare {name} before, by run"
    )


_INTEGERS = (
    ("i", 4, "int"),
    ("i", 8, "long long"),
    ("u", 8, "unsigned long long"),
)
_DTYPES = {
    "b1": "bool", "i1": "signed char", "u1": "unsigned char", "i2": "short", "u2": "unsigned short",
    "i4": "int", "u4": "unsigned int", "i8": "long", "u8": "unsigned long", "f4": "float",
    "f8": "double", "c8": "std::complex<float>", "c16": "std::complex<double>",
}  # fmt: skip


def _plain(code: str, width: int, type: str) -> Shape:
    return {"kind": "number", "code": code, "bytes": width, "type": type}


def _vector(of: Shape) -> Shape:
    return {"kind": "vector", "of": of, "type": f"std::vector<{of['type']}>"}


def _integer(low: int, high: int, name: str) -> Shape:
    for code, width, type in _INTEGERS:
        bits = 8 * width - (code == "i")
        if (-(1 << bits) if code == "i" else 0) <= low and high < 1 << bits:
            return _plain(code, width, type)
    raise OverflowError(f"{name}: {low if low < 0 else high} is beyond C++'s integers")


def _of_array(value: Any, name: str) -> tuple[Shape, tuple[str, ...]]:
    code = f"{value.dtype.kind}{value.dtype.itemsize}"
    if code not in _DTYPES:
        raise TypeError(f"{name}: an array of {value.dtype} has no type in C++; use astype")
    headers = ("complex",) if code[0] == "c" else ()
    of = _plain(code[0], int(code[1:]), _DTYPES[code])
    if value.ndim == 0:
        return of, headers
    if value.ndim == 1:
        return _vector(of), (*headers, "vector")
    type = of["type"] + "".join(f"[{dim}]" for dim in value.shape)
    return {"kind": "array", "dims": list(value.shape), "of": of, "type": type}, headers


def _of_list(value: list[Any] | tuple[Any, ...], name: str) -> tuple[Shape, tuple[str, ...]]:
    kinds = {bool, int, float, complex, str}
    found = {next((kind for kind in kinds if type(each) is kind), None) for each in value}
    if found == {int}:
        return _vector(_integer(min(value), max(value), name)), ("vector",)
    if found == {int, float}:
        found = {float}
    if len(found) != 1 or None in found:
        raise TypeError(f"{name}: elements of one type become a std::vector; declare {name} before")
    shape, headers = natural(next(each for each in value if type(each) in found), name)
    return _vector(shape), (*headers, "vector")
