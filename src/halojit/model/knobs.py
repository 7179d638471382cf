"""The knobs: what may differ between two recipes for the same region.

One table. In: a recipe's options, as (knob, setting) words. Out: what `_native.Image.build` takes.
Every setting keeps results bit-identical: floating-point arithmetic in the order and with the
rounding of the source (`fp` alone may loosen it; only a user turns it, so it is not in the table
that search draws from). Settings of LLVM 22 that are not here, and why:

    hints-allow-reordering, polly-ignore-*   change results, or assume what nobody knows
    enable-ipra                              changes the ABI of functions that others call
    polly-parallel                           starts threads inside of the program
    polly-pattern-matching-based-opts        10 s to compile a matrix product, which is no faster
    polly-register-tiling                    for it
    pre-RA-sched=linearize                   a Reed-Solomon decoder computes something else
"""

from __future__ import annotations

from collections.abc import Iterable

from halojit.model.knob import Knob
from halojit.model.knobs_code import CODE, INLINING, LAYOUT, SCALARS, TARGET
from halojit.model.knobs_loops import LOOPS, POLLY, UNROLLING, VECTORIZING

KNOBS: dict[str, Knob] = {
    knob.name: knob
    for knob in (
        *(TARGET + INLINING + UNROLLING + VECTORIZING),
        *(LOOPS + SCALARS + LAYOUT + CODE + POLLY),
    )
}
"""Every knob that search may turn, in the order in which they are explained."""

FP = Knob(
    "fp",
    "rounding of floating-point results: as the ahead-of-time code's to the last bit; multiply-add "
    "fused; or any reassociation, and no NaNs, infinities or signed zeros",
    ("strict", "contract", "fast"),
    {"strict": {}, "contract": {"fp": "contract"}, "fast": {"fp": "fast"}},
)
"""Only a user's choice: `--fp`."""

PROFILE = Knob(
    "profile",
    "whether the region's own counts lay out, inline and unroll it",
    ("none", "measured"),
    {"none": {}, "measured": {}},
)
"""Counts come with the request (`Request.profile`)."""


def native_options(options: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What `_native.Image.build` takes for a recipe's options. ValueError: no such knob or setting.

    Settings that are LLVM's own, and Polly's while it is off, add nothing.
    """
    wanted = dict(options)
    found: dict[str, str] = {}
    for name, setting in wanted.items():
        knob = {FP.name: FP, PROFILE.name: PROFILE}.get(name) or KNOBS.get(name)
        if knob is None:
            raise ValueError(f'there is no knob "{name}"')
        if setting not in knob.applies:
            raise ValueError(
                f'knob "{name}" can not be "{setting}", but {", ".join(knob.settings)}'
            )
        if name.startswith("polly-") and wanted.get("polly", "off") == "off":
            continue
        found.update(knob.applies[setting])
    return found
