"""A piece of profile, as the monitor folds it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stack:
    """How often a call stack was seen; frames are addresses, leaf first."""

    count: int
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """What was sampled since the previous read, and the clocks at this read."""

    now_ns: int
    now_ticks: int
    cpu_ns: int
    generation: int
    lost: int
    stacks: tuple[Stack, ...]
