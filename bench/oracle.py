"""The static arms of a program, side by side, and the best of them: what a person could have had
who knew the program, its input and this processor beforehand.

Blocks run the arms forwards, then backwards; an arm's figure is the median over the pairs of the
baseline's processor time over its own, so that above 1 is faster than `clang -O3`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import arms
from bench.arms import ARMS, BASELINE, BOLT
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
    """Adds blocks until there are that many; results are kept after each."""
    part = kept.part(subject.name, PART)
    cpu_s: dict[str, list[float]] = part.get("cpu_s", {})
    notes: dict[str, str] = part.get("notes", {})
    base: str = part.get("bolt_on", "")
    done = blocks_done(part)
    if done >= blocks:
        return
    programs: dict[str, Path] = {}
    for name, arm in ARMS.items():
        say(f"building {name}")
        try:
            programs[name] = arms.build(subject, arm, build, data)
        except BenchError as error:
            notes[name] = str(error)[-300:]
    if BASELINE not in programs:
        raise BenchError(f"{subject.name}: no baseline: {notes[BASELINE]}")
    say("trying each, choosing what BOLT works on")
    tried: dict[str, tuple[float, bytes]] = {}
    for name in palindrome(tuple(programs), 1):
        time_s, output = _once(subject, programs[name], data, seconds)
        tried[name] = (min(time_s, tried[name][0]) if name in tried else time_s, output)
    if not base:
        right = [name for name in tried if tried[name][1] == tried[BASELINE][1]]
        base = min(right, key=lambda name: tried[name][0])
    try:
        say(f"BOLT on top of {base}")
        programs[BOLT] = arms.bolt(subject, programs[base], base, build, data)
        tried[BOLT] = _once(subject, programs[BOLT], data, seconds)
        notes.pop(BOLT, None)
    except BenchError as error:
        notes[BOLT] = str(error)[-300:]
    for name, (_, output) in tried.items():
        if output != tried[BASELINE][1]:
            notes[name] = STRANGE
            del programs[name]
    for block in range(done, blocks):
        say(f"arms, block {block + 1} of {blocks}")
        found: dict[str, list[float]] = {name: [] for name in programs}
        for name in palindrome(tuple(programs), 1):
            found[name].append(_once(subject, programs[name], data, seconds)[0])
        for name, times in found.items():
            cpu_s.setdefault(name, []).extend(times)
        kept.write(
            subject.name,
            PART,
            {
                "kind": subject.kind,
                "seconds": seconds,
                "bolt_on": base,
                "cpu_s": cpu_s,
                "notes": notes,
                "programs": {name: str(path) for name, path in programs.items()},
            },
        )


def _once(subject: Subject, program: Path, data: Path, seconds: float) -> tuple[float, bytes]:
    is_real = subject.kind == "real"
    command = [str(program), *subject.arguments(data, seconds)]
    sample = observe(command, program, is_real, NO_SERVER)
    return work_cpu_s(sample, is_real), sample.output


def blocks_done(part: Mapping[str, Any]) -> int:
    """Of a program's static arms."""
    return len(part.get("cpu_s", {}).get(BASELINE, [])) // 2


def speeds(part: Mapping[str, Any]) -> dict[str, Ratio]:
    """Each arm's speed against the baseline's, where both were measured in the same blocks. Those
    that could not be built or print something else are not there."""
    cpu_s: Mapping[str, Sequence[float]] = part.get("cpu_s", {})
    plain = cpu_s.get(BASELINE, [])
    return {
        name: median_ratio(pair_ratios(plain, times))
        for name, times in cpu_s.items()
        if len(times) == len(plain) and plain
    }


def estimate_s(seconds: float, blocks: int) -> float:
    """For one program whose arms have been built."""
    return seconds * (len(ARMS) + 1) * 2 * (blocks + 1)


def best(found: Mapping[str, Ratio]) -> tuple[str, Ratio] | None:
    """The oracle's choice."""
    if not found:
        return None
    name = max(found, key=lambda arm: found[arm].value)
    return name, found[name]
