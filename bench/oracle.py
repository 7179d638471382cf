"""The static arms of a program, side by side, and the best of them: what a person could have had
who knew the program, its input and this processor beforehand.

Blocks run the arms forwards, then backwards; an arm's figure is the median over the pairs of the
baseline's processor time over its own, so that above 1 is faster than `clang -O3`. BOLT comes last,
on the arm that was best, with runs of the baseline of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import arms
from bench.arms import ARMS, BASELINE, BOLT, Arm
from bench.kept import Kept
from bench.measure import BenchError, palindrome
from bench.observe import observe, work_cpu_s
from bench.server import NO_SERVER
from bench.statistics import Ratio, median_ratio, pair_ratios
from bench.suite import Subject

PART = "static"
STRANGE = "its output differs from the baseline's: it does not count"
Say = Callable[[str], None]


def measure_static(
    subject: Subject, kept: Kept, build: Path, data: Path, seconds: float, blocks: int, say: Say
) -> None:
    """Adds blocks until there are that many; results are kept after each. Then BOLT on the best."""
    Static(subject, kept, build, data, seconds, say).measure(blocks)


class Static:
    """The arms of one program, and what was measured of them."""

    def __init__(
        self, subject: Subject, kept: Kept, build: Path, data: Path, seconds: float, say: Say
    ) -> None:
        self._subject = subject
        self._kept = kept
        self._build = build
        self._data = data
        self._seconds = seconds
        self._say = say
        part = kept.part(subject.name, PART)
        self._cpu_s: dict[str, list[float]] = part.get("cpu_s", {})
        self._bolt: dict[str, Any] = part.get("bolt", {})
        self._notes: dict[str, str] = {}
        self._outputs: dict[str, bytes] = {}

    def measure(self, blocks: int) -> None:
        """BenchError when the baseline cannot be built or run."""
        programs: dict[str, Path] = {}
        for name, arm in ARMS.items():
            self._say(f"building {name}")
            self._admit(name, programs, lambda arm=arm: self._built(arm))  # type: ignore[misc]
        for block in range(blocks_done({"cpu_s": self._cpu_s}), blocks):
            self._say(f"arms, block {block + 1} of {blocks}")
            for name, times in self._block(programs).items():
                self._cpu_s.setdefault(name, []).extend(times)
            self._write(programs)
        best_of = speeds({"cpu_s": self._cpu_s})
        base = max((name for name in best_of if name in programs), key=lambda n: best_of[n].value)
        if self._bolt.get("on") != base:
            self._bolt = {"on": base, "cpu_s": [], "plain_cpu_s": []}
        below = programs[base]
        self._say(f"BOLT on top of {base}")
        pair = {BASELINE: programs[BASELINE]}
        self._admit(
            BOLT, pair, lambda: arms.bolt(self._subject, below, base, self._build, self._data)
        )
        for _ in range(len(self._bolt["cpu_s"]) // 2, blocks if BOLT in pair else 0):
            found = self._block(pair)
            self._bolt["cpu_s"] += found[BOLT]
            self._bolt["plain_cpu_s"] += found[BASELINE]
        self._write({**programs, **pair})

    def _built(self, arm: Arm) -> Path:
        return arms.build(self._subject, arm, self._build, self._data)

    def _admit(self, name: str, programs: dict[str, Path], make: Callable[[], Path]) -> None:
        """Builds and tries it once; one that fails or prints something else gets a note instead."""
        try:
            program = make()
            self._outputs[name] = self._run(program)[1]
        except BenchError as error:
            self._notes[name] = str(error)[-300:]
            if name == BASELINE:
                raise
            return
        programs[name] = program
        if BASELINE in self._outputs:
            for strange in [n for n in programs if self._is_strange(n)]:
                self._notes[strange] = STRANGE
                del programs[strange]

    def _is_strange(self, name: str) -> bool:
        return name in self._outputs and self._outputs[name] != self._outputs[BASELINE]

    def _block(self, programs: Mapping[str, Path]) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {name: [] for name in programs}
        for name in palindrome(tuple(programs), 1):
            found[name].append(self._run(programs[name])[0])
        return found

    def _run(self, program: Path) -> tuple[float, bytes]:
        is_real = self._subject.kind == "real"
        command = [str(program), *self._subject.arguments(self._data, self._seconds)]
        sample = observe(command, program, is_real, NO_SERVER)
        return work_cpu_s(sample, is_real), sample.output

    def _write(self, programs: Mapping[str, Path]) -> None:
        self._kept.write(
            self._subject.name,
            PART,
            {
                "kind": self._subject.kind,
                "seconds": self._seconds,
                "cpu_s": self._cpu_s,
                "bolt": self._bolt,
                "notes": self._notes,
                "programs": {name: str(path) for name, path in programs.items()},
            },
        )


def blocks_done(part: Mapping[str, Any]) -> int:
    """Of a program's static arms."""
    return len(part.get("cpu_s", {}).get(BASELINE, [])) // 2


def speeds(part: Mapping[str, Any]) -> dict[str, Ratio]:
    """Each arm's speed against the baseline's, where both were measured in the same blocks. Those
    that could not be built or print something else are not there."""
    cpu_s: Mapping[str, Sequence[float]] = part.get("cpu_s", {})
    plain = cpu_s.get(BASELINE, [])
    found = {
        name: median_ratio(pair_ratios(plain, times))
        for name, times in cpu_s.items()
        if len(times) == len(plain) and plain
    }
    bolt: Mapping[str, Any] = part.get("bolt", {})
    if bolt.get("cpu_s"):
        found[BOLT] = median_ratio(pair_ratios(bolt["plain_cpu_s"], bolt["cpu_s"]))
    return found


def estimate_s(seconds: float, blocks: int) -> float:
    """For one program whose arms have been built."""
    return seconds * (2 * blocks * (len(ARMS) + 2) + len(ARMS) + 1)


def best(found: Mapping[str, Ratio]) -> tuple[str, Ratio] | None:
    """The oracle's choice."""
    if not found:
        return None
    name = max(found, key=lambda arm: found[arm].value)
    return name, found[name]
