"""Recipes as clang's flags: what an offline search builds whole programs with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench import programs, recipes
from halojit.model.knobs import KNOBS
from halojit.tune.known import KNOWN_GOOD

PROFILE = Path("program.profdata")
BUILDABLE = 0.9
"""Of all settings: the rest are passes that clang has no flag for."""


def test_places_and_knobs_become_flags() -> None:
    settings = {
        "level": "2",
        "cpu": "any",
        "profile": "measured",
        "unroll": "off",
        "prefer-vector-width": "128",
        "region-limit": "1000",
    }
    assert recipes.flags(settings, PROFILE) == (
        "-O2",
        "-fprofile-use=program.profdata",
        "-Wno-profile-instr-unprofiled",
        "-mprefer-vector-width=128",
        "-fno-unroll-loops",
    )
    assert recipes.flags({}, PROFILE) == ("-O3", "-march=native")


def test_a_pass_within_the_pipeline_has_no_flag() -> None:
    settings = [
        (knob.name, setting)
        for knob in KNOBS.values()
        for setting in knob.settings[1:]
        if any(option.startswith("passes.") for option in knob.applies[setting])
    ]
    assert settings
    assert all(recipes.flags(dict([one]), PROFILE) is None for one in settings)


def test_unknown_knobs_are_refused() -> None:
    with pytest.raises(ValueError, match='no knob "speed"'):
        recipes.flags({"speed": "high"}, PROFILE)


def test_clang_takes_every_flag(tmp_path: Path) -> None:
    every: list[str] = []
    told = total = 0
    for knob in KNOBS.values():
        for setting in knob.settings[1:]:
            spelled = recipes.flags({knob.name: setting}, PROFILE)
            total += 1
            if spelled is None:
                continue
            told += 1
            # An option of LLVM may be given once: the last setting of each knob speaks for all.
            flags = spelled[2:]
        every += flags
    assert told >= BUILDABLE * total
    source = programs.source("matmul")
    command = ["clang-22", "-O1", *every, "-c", str(source), "-o", str(tmp_path / "object")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_known_good_recipes_come_first_and_none_twice() -> None:
    drawn = recipes.draw(100, 1)
    spelled = [recipes.flags(settings, PROFILE) for settings in drawn]
    assert len(set(spelled)) == 100
    assert drawn[0] == dict(KNOWN_GOOD[0].settings)
    assert drawn == recipes.draw(100, 1) != recipes.draw(100, 2)
