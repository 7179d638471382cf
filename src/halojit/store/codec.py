"""Values of the model as JSON, field by field, for a store that may be older or newer than we are.

In: frozen dataclasses, named tuples and what they hold. Out: text, and the same values again. A
field that the reader does not know is skipped, one that the writer did not know has its default;
anything else that does not fit the type is a BadValue: what comes from a store is not trusted. The
version changes only when a field changes its meaning.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import types
import typing
from functools import cache
from typing import Any, TypeVar, get_args, get_origin

VERSION = 1
DEPTH = 32

T = TypeVar("T")


class BadValue(ValueError):
    """The text is not what this program writes; says what is wrong with it."""


def encode(value: Any) -> str:
    """Canonical: equal values give equal text."""
    document = {"version": VERSION, "value": _plain(value)}
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def decode(form: type[T], text: str) -> T:
    """Raises BadValue."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadValue(f"no JSON: {error}") from None
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise BadValue(f"no version {VERSION}")
    value: T = _typed(form, document.get("value"), DEPTH)
    return value


def quoted(text: str) -> str:
    """As ASCII without NUL, for any string that Python can hold: names of files and functions are
    bytes, and PostgreSQL takes neither NUL nor half a surrogate pair."""
    return json.dumps(text)[1:-1]


def unquoted(text: str) -> str:
    """Raises BadValue."""
    try:
        value = json.loads(f'"{text}"')
    except ValueError as error:
        raise BadValue(f"no quoted text: {error}") from None
    return str(value)


def seal(*parts: str | bytes) -> str:
    """A digest over all parts and their borders: what belongs together is checked together."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, frozenset | set):
        return sorted((_plain(one) for one in value), key=repr)
    if isinstance(value, dict):
        # Pairs, as keys need not be strings; sorted, as equal values are to give equal text.
        return sorted(([_plain(key), _plain(one)] for key, one in value.items()), key=repr)
    raise TypeError(f"no way to keep a {type(value).__name__}")


@cache
def _hints(form: type) -> dict[str, Any]:
    return typing.get_type_hints(form)


def _typed(form: Any, value: Any, depth: int) -> Any:
    if depth == 0:
        raise BadValue("nested too deeply")
    origin = get_origin(form)
    if origin in (typing.Union, types.UnionType):
        return _one_of(get_args(form), value, depth - 1)
    if origin is not None:
        return _collection(origin, get_args(form), value, depth - 1)
    if form is Any:
        return value
    if form is None or form is type(None):
        return _is(value is None, None, form, value)
    if form is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return _is(is_number, value, form, value, float)
    if form is int:
        return _is(isinstance(value, int) and not isinstance(value, bool), value, form, value)
    if form in (bool, str):
        return _is(isinstance(value, form), value, form, value)
    if form is bytes:
        return _is(isinstance(value, str), value, form, value, bytes.fromhex)
    if isinstance(form, type) and issubclass(form, enum.Enum):
        return _is(True, value, form, value, form)
    if dataclasses.is_dataclass(form):
        return _record(form, value, depth - 1)
    if isinstance(form, type) and issubclass(form, tuple) and hasattr(form, "_fields"):
        hints = _hints(form)
        parts = tuple(hints[name] for name in form._fields)
        return form(*_collection(tuple, parts, value, depth - 1))
    raise TypeError(f"no way to read a {form}")


def _is(holds: bool, good: Any, form: Any, value: Any, make: Any = None) -> Any:
    if not holds:
        raise BadValue(f"{value!r:.60} is no {getattr(form, '__name__', form)}")
    if make is None:
        return good
    try:
        return make(good)
    except (ValueError, OverflowError) as error:
        raise BadValue(str(error)) from None


def _one_of(forms: tuple[Any, ...], value: Any, depth: int) -> Any:
    for form in forms:
        try:
            return _typed(form, value, depth)
        except BadValue:
            continue
    raise BadValue(f"{value!r:.60} is none of {forms}")


def _collection(origin: Any, parts: tuple[Any, ...], value: Any, depth: int) -> Any:
    if not isinstance(value, list):
        raise BadValue(f"{value!r:.60} is no list")
    if origin is dict:
        pairs = [_collection(tuple, parts, pair, depth) for pair in value]
        return dict(pairs)
    if origin is tuple and not (len(parts) == 2 and parts[1] is Ellipsis):
        if len(parts) != len(value):
            raise BadValue(f"{len(value)} values where {len(parts)} belong")
        return tuple(_typed(part, one, depth) for part, one in zip(parts, value, strict=True))
    if origin in (tuple, list, set, frozenset):
        return origin(_typed(parts[0], one, depth) for one in value)
    raise TypeError(f"no way to read a {origin}")


def _record(form: Any, value: Any, depth: int) -> Any:
    if not isinstance(value, dict):
        raise BadValue(f"{value!r:.60} is no {form.__name__}")
    hints = _hints(form)
    given = {
        f.name: _typed(hints[f.name], value[f.name], depth)
        for f in dataclasses.fields(form)
        if f.init and f.name in value
    }
    try:
        return form(**given)
    except (TypeError, ValueError) as error:
        raise BadValue(f"no {form.__name__}: {error}") from None
