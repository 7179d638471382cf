"""Code that makes values of C++ of the bytes that Python has sent.

In: a shape (shapes.py). Out: C++ that reads what packing.py has written from `__halo_in`, a
`__halo::taken` (support/give.h), and depends on the shape alone. It does not know where it goes.
"""

from __future__ import annotations

from itertools import count

from halojit.api.shapes import Shape, ShapeError, is_block

_CHARACTERS = {1: "char", 2: "char16_t", 4: "char32_t"}


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
            case "vector" if is_block(shape["of"]):
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
                    self._field(field, f"{target}.{field['name']}") for field in shape["fields"]
                )
            case _:
                raise ShapeError(
                    f"no value of Python becomes a {shape['type']}; make it in C++, by run"
                )

    def _field(self, shape: Shape, target: str) -> str:
        if shape["kind"] == "enum":
            type, cast = "long long", f"static_cast<{shape['type']}>"
        elif shape["kind"] == "number" and shape["code"] in "biu":
            type, cast = shape["type"], ""
        else:
            return self.code(shape, target)
        value = f"__halo_v{next(self._numbers)}"
        now, bit = f"static_cast<{type}>({target})", f"static_cast<{type}>(1) << __halo_in.bits"
        return (
            f"{{ auto {value} = __halo_in.number<{type}>(); {target} = {cast}({value}); "
            f"if (__halo_in.is_cut({now} == {value})) "
            f"while ({target} = {cast}({bit}), {now} == ({bit})) ++__halo_in.bits; }}"
        )

    def _array(self, shape: Shape, target: str, size: str, at: str) -> str:
        of = shape["of"]
        if is_block(of) or of["kind"] == "character":
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
    if not is_block(shape["of"]):
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
