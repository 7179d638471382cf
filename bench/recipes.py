"""Recipes as clang's flags: what a person who had the knob table could have built ahead of time.

In: settings as `halojit.model.knobs` and `halojit.tune.known` spell them. Out: flags for the whole
program, or None where clang has no flag for a setting (a pass put into the middle of the pipeline).
A region's size means nothing here.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

from halojit.model.knobs import KNOBS, native_options
from halojit.tune.known import KNOWN_GOOD

Settings = dict[str, str]

PLACES = {"cpu": ("host", "any"), "level": ("3", "2"), "profile": ("none", "measured")}
"""Dimensions that are no knobs; the first setting is the ordinary one."""
TURNS = (0, 1, 1, 2, 2, 3, 4, 6)
ATTEMPTS = 200

FLAGS = {
    "prefer-vector-width": "-mprefer-vector-width={}",
    "attr.tune-cpu": "-mtune={}",
    "align-loops": "-falign-loops={}",
}
BACKEND = frozenset(("inline-threshold", "regalloc"))
SWITCHES = {
    ("unroll", "off"): ("-fno-unroll-loops",),
    ("vectorize", "off"): ("-fno-vectorize",),
    ("slp", "off"): ("-fno-slp-vectorize",),
    ("interleave", "off"): ("-mllvm", "-interleave-loops=false"),
    ("loop-fusion", "on"): ("-fexperimental-loop-fusion",),
    ("polly", "on"): ("-mllvm", "-polly"),
    ("features", "-avx512f"): ("-mno-avx512f",),
    ("features", "-avx"): ("-mno-avx",),
}
MEANINGLESS = frozenset(("region-limit",))


def flags(settings: Mapping[str, str], profile: Path) -> tuple[str, ...] | None:
    """Flags beside `-ffp-contract=off`. ValueError: no such knob or setting."""
    found = [f"-O{settings.get('level', '3')}"]
    if settings.get("cpu", "host") == "host":
        found.append("-march=native")
    if settings.get("profile", "none") != "none":
        found += [f"-fprofile-use={profile}", "-Wno-profile-instr-unprofiled"]
    knobs = [(name, setting) for name, setting in settings.items() if name not in PLACES]
    for option, value in sorted(native_options(knobs).items()):
        if option.startswith("llvm."):
            found += ["-mllvm", f"-{option.removeprefix('llvm.')}={value}"]
        elif option in FLAGS:
            found.append(FLAGS[option].format(value))
        elif option in BACKEND:
            found += ["-mllvm", f"-{option}={value}"]
        elif (option, value) in SWITCHES:
            found += SWITCHES[option, value]
        elif option not in MEANINGLESS:
            return None
    return tuple(found)


def draw(count: int, seed: int) -> list[Settings]:
    """The known-good ones first, then random ones: a known-good one with some knobs turned. All
    different, all with flags of clang."""
    rng = random.Random(seed)
    dimensions = {**PLACES, **{name: knob.settings for name, knob in KNOBS.items()}}
    found: dict[tuple[str, ...], Settings] = {}
    known = [dict(good.settings) for good in KNOWN_GOOD]
    for settings in known:
        _add(found, settings)
    for _ in range(ATTEMPTS * count):
        if len(found) >= count:
            break
        settings = dict(rng.choice(known))
        for name in rng.sample(sorted(dimensions), rng.choice(TURNS)):
            settings[name] = rng.choice(dimensions[name][1:])
        _add(found, settings)
    return list(found.values())[:count]


def _add(found: dict[tuple[str, ...], Settings], settings: Settings) -> None:
    spelled = flags(settings, Path("profile"))
    if spelled is not None:
        found.setdefault(spelled, settings)
