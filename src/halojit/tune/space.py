"""The space that search moves in: points, and the recipes they stand for.

A point says only where it differs from O3 for this processor, so that equal recipes are equal
points and nothing is tried twice under two names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from halojit.model.knobs import FP, KNOBS, PROFILE
from halojit.model.region import Recipe

Point = frozenset[tuple[str, str]]
"""(dimension, setting) where it is not the first setting."""

CPU = "cpu"
LEVEL = "level"


@dataclass(frozen=True)
class Host:
    """The processor, as LLVM names it."""

    cpu: str
    features: str
    any_cpu: str = "x86-64"
    """What every processor of this kind can run."""


class Space:
    """All recipes for one host."""

    def __init__(self, host: Host, fp: str, has_profile: bool) -> None:
        self._host = host
        self._fp = fp
        self.settings: dict[str, tuple[str, ...]] = {
            CPU: ("host", "any"),
            LEVEL: ("3", "2"),
            **({PROFILE.name: PROFILE.settings} if has_profile else {}),
            **{name: knob.settings for name, knob in KNOBS.items()},
        }
        """Dimension -> what it may be; the first changes nothing."""

    def point(self, settings: Mapping[str, str]) -> Point | None:
        """None if there is no such dimension or setting here."""
        if any(setting not in self.settings.get(name, ()) for name, setting in settings.items()):
            return None
        return frozenset(
            (name, setting)
            for name, setting in settings.items()
            if setting != self.settings[name][0] and self.matters(name, settings)
        )

    def matters(self, name: str, settings: Mapping[str, str]) -> bool:
        """Can the dimension make a difference beside these settings?"""
        if name == "region-limit":  # counts fit only regions of the extent they were taken of
            return settings.get(PROFILE.name, PROFILE.settings[0]) == PROFILE.settings[0]
        if name.startswith("polly-"):
            return settings.get("polly", "off") != "off"
        if name in ("features", "tune"):
            return settings.get(CPU, "host") == "host"
        if name == "unroll" or not name.startswith("unroll-"):
            return True
        return settings.get("unroll", "on") != "off"

    def full(self, point: Point) -> dict[str, str]:
        """Every dimension."""
        return {name: settings[0] for name, settings in self.settings.items()} | dict(point)

    def recipe(self, point: Point) -> Recipe:
        """What the compiler is told."""
        settings = dict(point)
        level = int(settings.pop(LEVEL, "3"))
        is_host = settings.pop(CPU, "host") == "host"
        if self._fp != FP.settings[0]:
            settings[FP.name] = self._fp
        host = self._host
        cpu, features = (host.cpu, host.features) if is_host else (host.any_cpu, "")
        return Recipe(cpu, features, level, tuple(sorted(settings.items())))

    def find(self, recipe: Recipe) -> Point | None:
        """The point of a recipe; None if it is not one of this host, or made by other rules."""
        settings = dict(recipe.options)
        if settings.pop(FP.name, FP.settings[0]) != self._fp:
            return None
        if (recipe.cpu, recipe.features) == (self._host.cpu, self._host.features):
            settings[CPU] = "host"
        elif (recipe.cpu, recipe.features) == (self._host.any_cpu, ""):
            settings[CPU] = "any"
        else:
            return None
        settings[LEVEL] = str(recipe.level)
        return self.point(settings)
