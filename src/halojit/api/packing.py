"""Values of Python as bytes for C++.

In: a shape (shapes.py), a value. Out: bytes for `__halo::taken` (support/give.h), as the code of
unpacking.py reads them. It does not know where they go.

What C++ would cut silently is refused: TypeError, OverflowError or ValueError.
"""

from __future__ import annotations

import operator
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from halojit.api.shapes import Shape, ShapeError, brief, is_block
from halojit.api.values import encode_text, numpy

_NARROW = {2: ("<e", 65504.0), 4: ("<f", (2 - 2**-23) * 2.0**127)}
"""Forms of struct, which refuse what is beyond them, and the largest numbers, by bytes."""


class Packer:
    """Bytes for `__halo::taken`. `cut`: where a number ends for which its bit-field has no room,
    and that one's bits without the sign."""

    def __init__(self, cut: Sequence[int] = (-1, 0)) -> None:
        self.bytes = bytearray()
        self._cut, self._bits = map(int, cut)

    def add(self, shape: Shape, value: Any, name: str) -> None:
        """One value; `name`: what errors call it.

        Raises TypeError, OverflowError, ValueError.
        """
        kind = shape["kind"]
        match kind:
            case "number":
                self.bytes += _pack_number(shape, value, name)
            case "character":
                self.bytes += _pack_character(shape, value, name)
            case "enum":
                self._size(_enumerator(shape, value, name) % (1 << 64))
            case "text":
                self._text(shape, value, name)
            case "pointer":
                self._pointer(shape, value, name)
            case "array":
                self._array(shape, value, name)
            case "vector" | "span" if is_block(shape["of"]):
                self._block(_pack_block(shape["of"], value, name))
            case "vector" | "set":
                self._elements(shape["of"], value, name)
            case "map":
                if not isinstance(value, Mapping):
                    raise TypeError(f"{name}: {brief(value)} is no dict")
                self._size(len(value))
                for key, each in value.items():
                    self.add(shape["key"], key, f"{name}: a key")
                    self.add(shape["of"], each, f"{name}[{key!r}]")
            case "optional":
                self.bytes += bytes([value is not None])
                if value is not None:
                    self.add(shape["of"], value, name)
            case "tuple":
                parts = tuple(value)
                if len(parts) != len(shape["of"]):
                    raise ValueError(f"{name}: {len(parts)} values for {len(shape['of'])}")
                for part, each in zip(shape["of"], parts, strict=True):
                    self.add(part, each, name)
            case "record":
                self._record(shape, value, name)
            case _:
                raise _impossible(shape, name)

    def _size(self, value: int) -> None:
        self.bytes += value.to_bytes(8, "little")

    def _block(self, raw: bytes) -> None:
        self._size(len(raw))
        self.bytes += bytes(-len(self.bytes) % 16)
        self.bytes += raw
        self.bytes += bytes(4)  # a C string's end

    def _text(self, shape: Shape, value: Any, name: str) -> None:
        is_pointer = shape["type"].endswith("*")
        if is_pointer:
            self.bytes += bytes([value is not None])
            if value is None:
                return
        if isinstance(value, str):
            raw = encode_text(value, shape["bytes"])
        elif isinstance(value, bytes) and shape["bytes"] == 1:
            raw = value
        else:
            raise TypeError(f"{name}: {brief(value)} is no str")
        if is_pointer and b"\0" in raw:
            raise ValueError(f"{name}: {brief(value)} has a NUL, at which a C string would end")
        self._block(raw)

    def _pointer(self, shape: Shape, value: Any, name: str) -> None:
        if value is None or isinstance(value, int):
            self.bytes += b"\0"
            self.bytes += _pack_number(
                {"code": "u", "bytes": 8, "type": shape["type"]}, value or 0, name
            )
        elif "to" in shape:
            self.bytes += b"\1"
            self._block(_pack_block(shape["to"], value, name))
        else:
            raise TypeError(f"{name}: {brief(value)} is no address; expected an int or None")

    def _array(self, shape: Shape, value: Any, name: str) -> None:
        of, dims = shape["of"], shape["dims"]
        if of["kind"] == "character" and len(dims) == 1:
            if not isinstance(value, str):
                raise TypeError(f"{name}: {brief(value)} is no str")
            raw = encode_text(value, of["bytes"])
            room = dims[0] * of["bytes"]
            if len(raw) >= room:
                raise ValueError(
                    f"{name}: {brief(value)} takes {len(raw) // of['bytes'] + 1} characters with "
                    f"its end; there are {dims[0]}"
                )
            self._block(raw.ljust(room, b"\0"))
        elif is_block(of):
            self._block(_pack_block(of, value, name, dims))
        else:
            self._elements(shape | {"dims": dims[1:]} if dims[1:] else of, value, name, dims[0])

    def _elements(self, of: Shape, value: Any, name: str, wanted: int | None = None) -> None:
        if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
            raise TypeError(f"{name}: {brief(value)} is no list")
        elements = list(value)
        if wanted is None:
            self._size(len(elements))
        elif len(elements) != wanted:
            raise ValueError(f"{name}: {len(elements)} elements for an array of {wanted}")
        for at, each in enumerate(elements):
            self.add(of, each, f"{name}[{at}]")

    def _record(self, shape: Shape, value: Any, name: str) -> None:
        if not isinstance(value, Mapping):
            raise TypeError(f"{name}: {brief(value)} is no dict of the fields of {shape['type']}")
        fields = [field["name"] for field in shape["fields"]]
        if odd := set(value) ^ set(fields):
            raise ValueError(
                f"{name}: {', '.join(sorted(map(str, odd)))}: missing or no field of "
                f"{shape['type']}, which has {', '.join(fields)}"
            )
        for field in shape["fields"]:
            of, part = value[field["name"]], f"{name}.{field['name']}"
            self.add(field, of, part)
            if len(self.bytes) == self._cut:
                integer = field.get("of", field)
                low = -1 << self._bits if integer["code"] == "i" else 0
                raise OverflowError(
                    f"{part}: {brief(of)} is beyond this bit-field of {field['type']}: "
                    f"{low} to {(1 << self._bits) - 1}"
                )


def _impossible(shape: Shape, name: str) -> ShapeError:
    return ShapeError(
        f"{name}: no value of Python becomes a {shape['type']}; make it in C++, by run"
    )


def _pack_number(shape: Shape, value: Any, name: str) -> bytes:
    code, width = shape["code"], shape["bytes"]
    if isinstance(value, str | bytes):
        raise TypeError(f"{name}: {brief(value)} is no number")
    try:
        match code:
            case "b":
                if value not in (0, 1):
                    raise TypeError
                return bytes([bool(value)])
            case "f":
                number = float(value)
                if narrow := _NARROW.get(_range_bytes(shape)):
                    struct.pack(narrow[0], number)
                return struct.pack("<d", number)
            case "c":
                whole = complex(value)
                return struct.pack("<ff" if width == 8 else "<dd", whole.real, whole.imag)
            case _:
                return operator.index(value).to_bytes(width, "little", signed=code == "i")
    except (TypeError, ValueError):
        raise TypeError(f"{name}: {brief(value)} is no {shape['type']}") from None
    except OverflowError:
        raise _beyond(shape, value, name) from None


def _range_bytes(shape: Shape) -> int:
    """Of a number with a point: the bytes of the standard type with the same range."""
    if shape["type"] == "__bf16":
        return 4
    bytes: int = shape["bytes"]
    return bytes // 2 if shape["code"] == "c" else bytes


def _beyond(shape: Shape, value: Any, name: str) -> OverflowError:
    width = shape["bytes"]
    if shape["code"] in "fc":
        _, largest = _NARROW.get(_range_bytes(shape), ("", sys.float_info.max))
        limits = f"-{largest:.6g} to {largest:.6g}"
    elif shape["code"] == "i":
        limits = f"{-1 << 8 * width - 1} to {(1 << 8 * width - 1) - 1}"
    else:
        limits = f"0 to {(1 << 8 * width) - 1}"
    return OverflowError(f"{name}: {brief(value)} is beyond {shape['type']}: {limits}")


def _pack_character(shape: Shape, value: Any, name: str) -> bytes:
    if isinstance(value, str):
        raw = encode_text(value, shape["bytes"])
        if len(raw) == shape["bytes"]:
            return raw
    raise TypeError(f"{name}: {brief(value)} is no single {shape['type']}")


def _enumerator(shape: Shape, value: Any, name: str) -> int:
    if isinstance(value, str):
        if value not in shape["names"]:
            known = ", ".join(shape["names"])
            raise ValueError(f"{name}: {value} is none of {shape['type']}: {known}")
        number: int = shape["names"][value]
        return number
    if not shape["of"]:
        raise _impossible(shape, name)
    _pack_number(shape["of"] | {"type": shape["type"]}, value, name)
    return operator.index(value)


def _pack_block(of: Shape, value: Any, name: str, dims: list[int] | None = None) -> bytes:
    """Numbers side by side; of so many in each dimension, or in one of whatever length."""
    if hasattr(value, "__array__") and (np := numpy()):
        return _pack_array(np, of, value, name, dims)
    flat = list(_flat(value, name, dims or [None]))
    form = {"f4": "f", "f8": "d"}.get(f"{of['code']}{of['bytes']}")
    if not form:
        return b"".join(_pack_number(of, each, name) for each in flat)
    try:
        return struct.pack(f"<{len(flat)}{form}", *flat)
    except (struct.error, OverflowError, TypeError):
        for each in flat:
            _pack_number(of, each, name)
        raise


def _flat(value: Any, name: str, dims: list[Any]) -> Iterator[Any]:
    if not dims:
        yield value
        return
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise TypeError(f"{name}: {brief(value)} is no list of numbers")
    elements = list(value)
    if dims[0] is not None and len(elements) != dims[0]:
        raise ValueError(f"{name}: {len(elements)} elements for an array of {dims[0]}")
    for each in elements:
        yield from _flat(each, name, dims[1:])


def number_type(np: Any, of: Shape) -> Any:
    """NumPy's type of a number's shape."""
    return np.dtype(f"<{of['code']}{of['bytes']}")


def _pack_array(np: Any, of: Shape, value: Any, name: str, dims: list[int] | None) -> bytes:
    array = np.asarray(value)
    wanted = number_type(np, of)
    if dims is not None and list(array.shape) != dims:
        raise ValueError(f"{name}: an array of shape {array.shape} for one of {tuple(dims)}")
    if dims is None and array.ndim != 1:
        raise ValueError(f"{name}: an array of {array.ndim} dimensions; expected one")
    if array.dtype.kind in "biu" and wanted.kind in "iu":
        limits = np.iinfo(wanted)
        if array.size and not limits.min <= int(array.min()) <= int(array.max()) <= limits.max:
            raise _beyond(of, array.min() if array.min() < limits.min else array.max(), name)
    elif not np.can_cast(array.dtype, wanted, "same_kind"):
        raise TypeError(f"{name}: an array of {array.dtype} is none of {of['type']}; use astype")
    with np.errstate(over="ignore"):  # of which we say more
        packed = array.astype(wanted)
    if wanted.kind in "fc" and array.dtype != wanted:
        cut = array[np.isfinite(array) & ~np.isfinite(packed)]
        if cut.size:
            raise _beyond(of, cut[0], name)
    raw: bytes = packed.tobytes()
    return raw
