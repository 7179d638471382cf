"""Recipes that have won before, in the order in which they are worth trying.

Each was the best of many on some program (offline searches of 100 recipes a program), or is what
people write into their makefiles. Search tries them first, then what lies around the best.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

WORDS = 4
"""In a recipe's description."""


@dataclass(frozen=True, slots=True)
class Good:
    """A point of the search space in words, as distance from O3 for this processor."""

    name: str
    settings: dict[str, str] = field(default_factory=dict)


KNOWN_GOOD: Final = (
    Good("O3 for this processor"),
    Good("profile-guided", {"profile": "measured"}),
    Good("Polly", {"polly": "all", "polly-vectorizer": "stripmine"}),
    Good("profile-guided, much unrolling", {"profile": "measured", "unroll-threshold": "1000"}),
    Good("little inlining", {"inline-threshold": "25"}),
    Good("256-bit vectors", {"prefer-vector-width": "256"}),
    Good("512-bit vectors", {"prefer-vector-width": "512"}),
    Good("128-bit vectors", {"prefer-vector-width": "128"}),
    Good("Polly, scalar", {"polly": "all"}),
    Good("O3 for any processor", {"cpu": "any"}),
    Good("profile-guided for any processor", {"cpu": "any", "profile": "measured"}),
    Good("heavy inlining", {"inline-threshold": "1000", "region-limit": "16000"}),
    Good("no vectors", {"vectorize": "off", "slp": "off"}),
    Good("no unrolling", {"unroll": "off"}),
    Good(
        "four vectors at a time, ordered sums",
        {"prefer-vector-width": "128", "vector-interleave": "4", "ordered-reductions": "on"},
    ),
    Good("no cmov conversion, no strength reduction", {"cmov-conversion": "off", "lsr": "off"}),
    Good(
        "512-bit vectors, profile-guided, no run-time unrolling",
        {"prefer-vector-width": "512", "profile": "measured", "unroll-runtime": "off"},
    ),
    Good(
        "128-bit vectors, cleaned up",
        {"prefer-vector-width": "128", "vectorizer-passes": "on"},
    ),
    Good(
        "smallest code",
        {"level": "2", "inline-threshold": "25", "unroll": "off", "loop-unswitch": "0"},
    ),
    Good("more unrolling", {"unroll-runtime": "on", "unroll-partial": "on", "unroll-count": "4"}),
    Good("no AVX-512", {"features": "no-avx512"}),
    Good("masked epilogues", {"tail-folding": "predicate-else-scalar-epilogue"}),
    Good("another layout", {"align-loops": "64", "tail-merge": "off", "ext-tsp": "off"}),
)

FAMILIAR: Final = frozenset(
    {setting for good in KNOWN_GOOD for setting in good.settings}
    | {"hot-callsite-threshold", "interleave", "memory-checks", "regalloc", "jump-tables", "tune"}
)
"""Knobs that moves turn more often than others."""


def describe(settings: Iterable[tuple[str, str]]) -> str:
    """A recipe in a person's words: the known-good ones that it contains, and what it adds."""
    left = dict(settings)
    words = []
    for good in sorted(KNOWN_GOOD, key=lambda good: -len(good.settings)):
        if good.settings and good.settings.items() <= left.items():
            words.append(good.name)
            left = {name: word for name, word in left.items() if name not in good.settings}
    words += [f"{name}={setting}" for name, setting in sorted(left.items())]
    if len(words) > WORDS:
        words[WORDS - 1 :] = [f"{len(words) - WORDS + 1} more"]
    return ", ".join(words) or KNOWN_GOOD[0].name
