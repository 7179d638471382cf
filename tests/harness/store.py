"""Values to keep, and a store with a clock that the test moves."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from halojit.model.evidence import Evidence
from halojit.model.region import Recipe, Variant

BUILD, CPU, ROOT = "0123abcd", "znver4 fe12", "_Z6factorm"
KEYS = ((0xFEDCBA9876543210, 3), (7, 1))
RECIPE = Recipe("znver4", "+avx512f", 3, (("vector-width", "256"),))
EVIDENCE = Evidence(120.5, 80.25, 1.5, 1.4, 1.6, (4000, 4100), 40)
DAY = 86400.0


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1.8e9

    def __call__(self) -> float:
        return self.now


def variant(data: bytes = b"object") -> Variant:
    return Variant(
        data=data,
        digest=sha256(data).hexdigest(),
        entries={ROOT: f"{ROOT}.halo"},
        gates={ROOT: (f"{ROOT}.halo.gate", f"{ROOT}.halo.control")},
        needs={"memcpy": [], "table": [(0xFFFFFFFFFFFFFFFF, 2)]},
        functions=("a", "b"),
        build_s=0.25,
    )


def recipe(width: int) -> Recipe:
    return replace(RECIPE, options=(("vector-width", str(width)),))
