"""Rows that say what to run or what was measured: written and read side by side.

A seal is a digest over all that a row says and whose it is, so that a damaged row, or one in the
wrong place, is found before anything is linked into a process. It does not stop who can write to
the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from halojit.model.evidence import Evidence
from halojit.model.function import Key
from halojit.model.region import Recipe, Variant
from halojit.store.codec import BadValue, decode, encode, quoted, seal, unquoted
from halojit.store.rows import Known, Tried

Whose = tuple[str, str, str]
"""Build, processor, root."""
Columns = Mapping[str, Any]


@dataclass(frozen=True)
class Linkable:
    """A variant without its object, and what it replaces."""

    root_keys: tuple[Key, ...]
    variant: Variant


def object_key(data: bytes) -> str:
    """Of an object, by its contents."""
    return sha256(data).hexdigest()


def variant_row(
    whose: Whose,
    root_keys: tuple[Key, ...],
    recipe: Recipe,
    variant: Variant,
    evidence: Evidence | None,
    gain: float,
) -> dict[str, Any]:
    """The columns that `known` reads."""
    text = encode(Linkable(root_keys, replace(variant, data=b"")))
    row = {
        "object": object_key(variant.data),
        "digest": quoted(variant.digest),
        "gain": _real(gain),
        "text": text,
        "bytes": len(text),
        "evidence": encode(evidence) if evidence else "",
    }
    return row | {"seal": _variant_seal(whose, encode(recipe), row)}


def known(whose: Whose, row: Columns, data: Any) -> Known:
    """From variant_row's columns, the recipe's text and the object's bytes. Raises BadValue."""
    if _variant_seal(whose, row["recipe_text"], row) != row["seal"]:
        raise BadValue("its seal does not match")
    if not isinstance(data, bytes) or object_key(data) != row["object"]:
        raise BadValue("its object's digest does not match")
    linkable = decode(Linkable, row["text"])
    return Known(
        root=whose[2],
        root_keys=linkable.root_keys,
        recipe=decode(Recipe, row["recipe_text"]),
        variant=replace(linkable.variant, data=data),
        gain=row["gain"],
        evidence=_evidence(row["evidence"]),
    )


def trial_row(
    whose: Whose,
    recipe: Recipe,
    digest: str,
    evidence: Evidence | None,
    decision: str,
    gain: float,
    tried: float,
) -> dict[str, Any]:
    """The columns that `tried` reads."""
    row = {
        "digest": quoted(digest),
        "decision": quoted(str(decision)),
        "gain": _real(gain),
        "tried": float(tried),
        "evidence": encode(evidence) if evidence else "",
    }
    return row | {"seal": _trial_seal(whose, encode(recipe), row)}


def tried(whose: Whose, row: Columns) -> Tried:
    """From trial_row's columns and the recipe's text. Raises BadValue."""
    if _trial_seal(whose, row["recipe_text"], row) != row["seal"]:
        raise BadValue("its seal does not match")
    return Tried(
        recipe=decode(Recipe, row["recipe_text"]),
        gain=row["gain"],
        decision=unquoted(row["decision"]),
        when=row["tried"],
        digest=unquoted(row["digest"]),
        evidence=_evidence(row["evidence"]),
    )


def _real(value: float) -> float:
    """As it comes back: SQLite does not keep the sign of zero."""
    return float(value) + 0.0


def _variant_seal(whose: Whose, recipe: Any, row: Any) -> str:
    return _seal(
        whose, recipe, *(row[name] for name in ("object", "digest", "gain", "text", "evidence"))
    )


def _trial_seal(whose: Whose, recipe: Any, row: Any) -> str:
    return _seal(
        whose, recipe, *(row[name] for name in ("digest", "decision", "gain", "tried", "evidence"))
    )


def _seal(whose: Whose, *values: Any) -> str:
    # repr: SQLite holds any type in any column, and 1 is not "1".
    return seal(*whose, *(repr(value) for value in values))


def _evidence(text: str) -> Evidence | None:
    return decode(Evidence, text) if text else None
