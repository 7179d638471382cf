"""Values survive being kept; what others wrote is read with care."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halojit.model.evidence import Decision, Evidence
from halojit.model.function import Place
from halojit.model.region import Recipe, Request, Variant
from halojit.store.codec import BadValue, decode, encode, quoted, unquoted

texts = st.text() | st.text(st.characters(codec=None))
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda one: st.lists(one, max_size=4) | st.dictionaries(texts, one, max_size=4),
    max_leaves=12,
)
FORMS: list[Any] = [Recipe, Variant, Evidence, Request, Place]


@given(st.one_of([st.from_type(form) for form in FORMS]))
def test_values_come_back(value: Any) -> None:
    text = encode(value)
    assert text.isascii()
    # Text, as NaN is not equal to itself.
    assert encode(decode(type(value), text)) == text


def test_equal_values_are_equal_text() -> None:
    one = Variant(b"", "", {"a": "1", "b": "2"}, {}, {})
    other = Variant(b"", "", {"b": "2", "a": "1"}, {}, {})
    assert encode(one) == encode(other)


@given(texts)
def test_any_text_is_quoted(text: str) -> None:
    assert quoted(text).isascii()
    assert "\x00" not in quoted(text)
    assert unquoted(quoted(text)) == text


@dataclass(frozen=True)
class Older:
    name: str


@dataclass(frozen=True)
class Newer:
    name: str
    counters: dict[str, tuple[int, ...]]
    kind: Decision = Decision.TIED
    place: Place | None = None


@dataclass(frozen=True)
class Newest:
    name: str
    kind: Decision = Decision.TIED


def test_fields_come_and_go() -> None:
    newer = Newer("n", {"f": (1, 2)}, Decision.WON, Place(1, "f"))
    assert decode(Newer, encode(newer)) == newer
    assert decode(Older, encode(newer)) == Older("n")
    assert decode(Newest, encode(Older("n"))) == Newest("n")
    with pytest.raises(BadValue, match="counters"):
        decode(Newer, encode(Older("n")))


def change(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = change(value[path[0]], path[1:], new)
    return copy


def paths(value: Any) -> list[tuple[Any, ...]]:
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [(), *((key, *rest) for key, one in items for rest in paths(one))]


@given(st.data(), anything)
def test_what_does_not_fit_is_a_bad_value(data: st.DataObject, new: Any) -> None:
    variant = Variant(
        b"x", "d", {"f": "g"}, {"f": ("a", "b")}, {"n": [(1, 2)]}, ("f",), build_s=0.5
    )
    document = json.loads(encode(variant))
    path = data.draw(st.sampled_from(paths(document)))
    try:
        found = decode(Variant, json.dumps(change(document, path, new)))
    except BadValue:
        return
    assert isinstance(found, Variant)
    for field in fields(Variant):
        assert type(getattr(found, field.name)) is type(getattr(variant, field.name))
    assert all(type(part) is int for keys in found.needs.values() for key in keys for part in key)


@given(texts)
def test_any_text_is_a_value_or_a_bad_one(text: str) -> None:
    with pytest.raises(BadValue):
        decode(Variant, text)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"version":1,"value":' + "9" * 5000 + "}", "{}"])
def test_hostile_text(text: str) -> None:
    with pytest.raises(BadValue):
        decode(Evidence, text)
