"""Values of Python for C++: bytes, and the code that makes a value of them.

In: a shape (interpreter/Shape.h), a value. Out: bytes (`Packer`), and C++ that reads them from
`__halo_in`, a `__halo::taken` (support/give.h), and depends on the shape alone (`code`). It does
not know where either goes.

What C++ would cut silently is refused: TypeError, OverflowError or ValueError.
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from halojit.api.values import Enumerator, Pointer, encode_text, numpy

Shape = dict[str, Any]

_CHARACTERS = {1: "char", 2: "char16_t", 4: "char32_t"}


class ShapeError(TypeError):
    """No value of Python becomes one of this type; says what to do."""


# ---- code


def code(shape: Shape, target: str, sizes: str | None = None) -> str:
    """Statements that set `target`. `sizes`: a variable that is to have the elements of a block.

    Raises ShapeError.
    """
    return _Coder().code(shape, target, sizes)


class _Coder:
    def __init__(self) -> None:
        self._numbers = count()

    def code(self, shape: Shape, target: str, sizes: str | None = None) -> str:
        number = next(self._numbers)
        size, at = sizes or f"__halo_n{number}", f"__halo_p{number}"
        begin = "" if sizes else f"__halo::size {size}; "
        match shape["kind"]:
            case "number":
                return f"{target} = {_number(shape)};"
            case "character":
                return f"{target} = __halo_in.number<{shape['type']}>();"
            case "enum":
                return f"{target} = static_cast<{shape['type']}>(__halo_in.number<long long>());"
            case "text":
                return f"{{ {begin}{_text(shape, target, size, at)} }}"
            case "pointer":
                address = (
                    f"reinterpret_cast<__halo::same<{shape['type']}>>"
                    "(__halo_in.number<unsigned long long>())"
                )
                if "to" not in shape:
                    return f"__halo_in.number<bool>(); {target} = {address};"
                block = f"{target} = __halo_in.block<{shape['to']['type']}>({size});"
                return (
                    f"{{ {begin}if (__halo_in.number<bool>()) {block} else {target} = {address}; }}"
                )
            case "array":
                return f"{{ {begin}{self._array(shape, target, size, at)} }}"
            case "vector" if _is_block(shape["of"]):
                block = f"auto *{at} = __halo_in.block<{shape['of']['type']}>({size});"
                return f"{{ {begin}{block} {target}.assign({at}, {at} + {size}); }}"
            case "span":
                block = f"auto *{at} = __halo_in.block<{_of_span(shape)}>({size});"
                return f"{{ {begin}{block} {target} = {{{at}, {size}}}; }}"
            case "vector":
                each = f"auto &{at} = {target}.emplace_back(); {self.code(shape['of'], at)}"
                return f"{target}.clear(); {_loop(size, each)}"
            case "set":
                each = f"{shape['of']['type']} {at}{{}}; {self.code(shape['of'], at)}"
                return f"{target}.clear(); {_loop(size, f'{each} {target}.insert({at});')}"
            case "map":
                key = f"{shape['key']['type']} {at}{{}}; {self.code(shape['key'], at)}"
                each = self.code(shape["of"], f"{target}[{at}]")
                return f"{target}.clear(); {_loop(size, f'{key} {each}')}"
            case "optional":
                value = f"{target}.emplace(); {self.code(shape['of'], f'(*{target})')}"
                return f"if (__halo_in.number<bool>()) {{ {value} }} else {target}.reset();"
            case "tuple":
                parts = enumerate(shape["of"])
                return " ".join(self.code(part, f"std::get<{i}>({target})") for i, part in parts)
            case "record":
                return " ".join(
                    self.code(field, f"{target}.{field['name']}") for field in shape["fields"]
                )
            case _:
                raise ShapeError(
                    f"no value of Python becomes a {shape['type']}; make it in C++, by run"
                )

    def _array(self, shape: Shape, target: str, size: str, at: str) -> str:
        of = shape["of"]
        if _is_block(of) or of["kind"] == "character":
            block = f"auto *{at} = __halo_in.block<char>({size});"
            return f"{block} __builtin_memcpy(&{target}, {at}, {size});"
        rest = shape["dims"][1:]
        inner = shape | {"dims": rest} if rest else of
        return f"for (auto &{at} : {target}) {{ {self.code(inner, at)} }}"


def _number(shape: Shape) -> str:
    if shape["code"] == "f":  # long double and others that only C++ has
        return f"static_cast<{shape['type']}>(__halo_in.number<double>())"
    return f"__halo_in.number<{shape['type']}>()"


def _text(shape: Shape, target: str, size: str, at: str) -> str:
    block = f"auto *{at} = __halo_in.block<{_CHARACTERS[shape['bytes']]}>({size});"
    if shape["type"].endswith("*"):
        return (
            f"if (__halo_in.number<bool>()) {{ {block} {target} = {at}; }} else {target} = nullptr;"
        )
    characters = f"reinterpret_cast<decltype({target}.data())>({at})"
    if shape["view"]:
        return f"{block} {target} = {{{characters}, {size}}};"
    return f"{block} {target}.assign({characters}, {size});"


def _loop(size: str, each: str) -> str:
    return f"for (auto {size} = __halo_in.number<__halo::size>(); {size}--;) {{ {each} }}"


def _of_span(shape: Shape) -> str:
    if not _is_block(shape["of"]):
        raise ShapeError(f"no value of Python becomes a {shape['type']}; use a std::vector")
    name: str = shape["of"]["type"]
    return name


def points_into_bytes(shape: Shape) -> bool:
    """Whether what `code` makes is valid only as long as the bytes are."""
    if shape["kind"] == "text":
        return bool(shape["view"])
    of = shape.get("of", [])
    inner = [*(of if isinstance(of, list) else [of]), *shape.get("fields", [])]
    inner += [shape[name] for name in ("key",) if name in shape]
    return shape["kind"] in ("span", "pointer") or any(map(points_into_bytes, inner))


def _is_block(shape: Shape) -> bool:
    """Whether elements lie side by side in the same bytes here and there."""
    if shape["kind"] != "number":
        return False
    return (shape["code"], shape["bytes"]) not in (("f", 2), ("f", 16), ("i", 16), ("u", 16))


# ---- bytes


class Packer:
    """Bytes for `__halo::taken`."""

    def __init__(self) -> None:
        self.bytes = bytearray()

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
                self._size(_enumerator(shape, value, name), signed=True)
            case "text":
                self._text(shape, value, name)
            case "pointer":
                self._pointer(shape, value, name)
            case "array":
                self._array(shape, value, name)
            case "vector" | "span" if _is_block(shape["of"]):
                self._block(_pack_block(shape["of"], value, name))
            case "vector" | "set":
                self._elements(shape["of"], value, name)
            case "map":
                if not isinstance(value, Mapping):
                    raise TypeError(f"{name}: {_brief(value)} is no dict")
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
                raise ShapeError(
                    f"{name}: no value of Python becomes a {shape['type']}; make it in C++, by run"
                )

    def _size(self, value: int, signed: bool = False) -> None:
        self.bytes += value.to_bytes(8, "little", signed=signed)

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
            raise TypeError(f"{name}: {_brief(value)} is no str")
        if is_pointer and b"\0" in raw:
            raise ValueError(f"{name}: {_brief(value)} has a NUL, at which a C string would end")
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
            raise TypeError(f"{name}: {_brief(value)} is no address; expected an int or None")

    def _array(self, shape: Shape, value: Any, name: str) -> None:
        of, dims = shape["of"], shape["dims"]
        if of["kind"] == "character" and len(dims) == 1:
            if not isinstance(value, str):
                raise TypeError(f"{name}: {_brief(value)} is no str")
            raw = encode_text(value, of["bytes"])
            room = dims[0] * of["bytes"]
            if len(raw) >= room:
                raise ValueError(
                    f"{name}: {_brief(value)} takes {len(raw) // of['bytes'] + 1} characters with "
                    f"its end; there are {dims[0]}"
                )
            self._block(raw.ljust(room, b"\0"))
        elif _is_block(of):
            self._block(_pack_block(of, value, name, dims))
        else:
            self._elements(shape | {"dims": dims[1:]} if dims[1:] else of, value, name, dims[0])

    def _elements(self, of: Shape, value: Any, name: str, wanted: int | None = None) -> None:
        if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
            raise TypeError(f"{name}: {_brief(value)} is no list")
        elements = list(value)
        if wanted is None:
            self._size(len(elements))
        elif len(elements) != wanted:
            raise ValueError(f"{name}: {len(elements)} elements for an array of {wanted}")
        for at, each in enumerate(elements):
            self.add(of, each, f"{name}[{at}]")

    def _record(self, shape: Shape, value: Any, name: str) -> None:
        if not isinstance(value, Mapping):
            raise TypeError(f"{name}: {_brief(value)} is no dict of the fields of {shape['type']}")
        fields = [field["name"] for field in shape["fields"]]
        if odd := set(value) ^ set(fields):
            raise ValueError(
                f"{name}: {', '.join(sorted(map(str, odd)))}: missing or no field of "
                f"{shape['type']}, which has {', '.join(fields)}"
            )
        for field in shape["fields"]:
            self.add(field, value[field["name"]], f"{name}.{field['name']}")


def _pack_number(shape: Shape, value: Any, name: str) -> bytes:
    code, width = shape["code"], shape["bytes"]
    if isinstance(value, str | bytes):
        raise TypeError(f"{name}: {_brief(value)} is no number")
    try:
        match code:
            case "b":
                if value not in (0, 1):
                    raise TypeError
                return bytes([bool(value)])
            case "f":
                number = float(value)
                if width == 4:
                    struct.pack("<f", number)
                return struct.pack("<d", number)
            case "c":
                whole = complex(value)
                return struct.pack("<ff" if width == 8 else "<dd", whole.real, whole.imag)
            case _:
                return operator.index(value).to_bytes(width, "little", signed=code == "i")
    except (TypeError, ValueError):
        raise TypeError(f"{name}: {_brief(value)} is no {shape['type']}") from None
    except OverflowError:
        raise OverflowError(f"{name}: {_brief(value)} is beyond {shape['type']}") from None


def _pack_character(shape: Shape, value: Any, name: str) -> bytes:
    if isinstance(value, str):
        raw = encode_text(value, shape["bytes"])
        if len(raw) == shape["bytes"]:
            return raw
    raise TypeError(f"{name}: {_brief(value)} is no single {shape['type']}")


def _enumerator(shape: Shape, value: Any, name: str) -> int:
    if isinstance(value, str):
        if value not in shape["names"]:
            known = ", ".join(shape["names"])
            raise ValueError(f"{name}: {value} is none of {shape['type']}: {known}")
        number: int = shape["names"][value]
        return number
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
    except (struct.error, OverflowError, TypeError) as error:
        raise TypeError(f"{name}: {_brief(value)}: {error}; expected {of['type']}") from None


def _flat(value: Any, name: str, dims: list[Any]) -> Iterator[Any]:
    if not dims:
        yield value
        return
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise TypeError(f"{name}: {_brief(value)} is no list of numbers")
    elements = list(value)
    if dims[0] is not None and len(elements) != dims[0]:
        raise ValueError(f"{name}: {len(elements)} elements for an array of {dims[0]}")
    for each in elements:
        yield from _flat(each, name, dims[1:])


def _pack_array(np: Any, of: Shape, value: Any, name: str, dims: list[int] | None) -> bytes:
    array = np.asarray(value)
    wanted = np.dtype(f"<{of['code']}{of['bytes']}")
    if dims is not None and list(array.shape) != dims:
        raise ValueError(f"{name}: an array of shape {array.shape} for one of {tuple(dims)}")
    if dims is None and array.ndim != 1:
        raise ValueError(f"{name}: an array of {array.ndim} dimensions; expected one")
    if array.dtype.kind in "biu" and wanted.kind in "iu":
        limits = np.iinfo(wanted)
        if array.size and not limits.min <= int(array.min()) <= int(array.max()) <= limits.max:
            raise OverflowError(f"{name}: {array.min()} to {array.max()} is beyond {of['type']}")
    elif not np.can_cast(array.dtype, wanted, "same_kind"):
        raise TypeError(f"{name}: an array of {array.dtype} is none of {of['type']}; use astype")
    raw: bytes = array.astype(wanted).tobytes()
    return raw


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
        f"{name}: what {_brief(value)} is in C++ is not known; declare {name} before, by run"
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


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
