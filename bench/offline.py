"""`python -m bench.offline`: what a search without haste finds, kept in bench/history/offline.json.

Each program is built ahead of time by a hundred recipes of the knobs that Halo turns, and timed
on its own work; the best few are timed again beside `clang -O3`, because the best of many noisy
figures flatters itself. It knows nothing of regions, gates or budgets: it shows what those cost.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bench import arms, history, machine, recipes
from bench.__main__ import BUILD, require_known, words
from bench.arms import ARMS, BASELINE, CLANG, STRICT
from bench.measure import BenchError, palindrome
from bench.observe import observe, work_cpu_s
from bench.server import NO_SERVER
from bench.statistics import median_ratio, pair_ratios
from bench.suite import Subject, Toolchain, subjects

FILE = history.HISTORY / "offline.json"
SEED = 1
FINALISTS = 5
FINAL_BLOCKS = 3
BASELINE_EACH = 5
"""Trials between two runs of the baseline, which the machine's drift is read from."""
console = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class Trial:
    """One recipe that was built and timed."""

    settings: dict[str, str]
    program: Path
    cpu_s: float


@dataclass(frozen=True)
class Limits:
    """Of one program."""

    trials: int
    seconds: float
    minutes: float


class Search:
    """Of one program."""

    def __init__(self, subject: Subject, build: Path, limits: Limits) -> None:
        self._subject = subject
        self._limits = limits
        self._data = build / "data"
        self._directory = build / "offline" / subject.name
        self._baseline = arms.build(subject, ARMS[BASELINE], build, self._data)
        arms.build(subject, ARMS["pgo"], build, self._data)
        self._profile = build / "table" / subject.name / "pgo" / "program.profdata"
        self._failed = 0

    def run(self, say: Callable[[str], None]) -> dict[str, Any]:
        """What was found. The next recipe is built while one is timed."""
        wanted = recipes.draw(self._limits.trials, SEED)
        plain, expected = self._time(self._baseline)
        times = [plain]
        found: list[Trial] = []
        until = time.monotonic() + 60 * self._limits.minutes
        done = 0
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(self._build, 0, wanted[0])
            for number, settings in enumerate(wanted):
                program = self._built(coming)
                is_last = number + 1 == len(wanted) or time.monotonic() > until
                if not is_last:
                    coming = pool.submit(self._build, number + 1, wanted[number + 1])
                if number % BASELINE_EACH == BASELINE_EACH - 1:
                    times.append(self._time(self._baseline)[0])
                trial = self._try(program, settings, expected)
                if trial is not None:
                    found.append(trial)
                done += 1
                if number % 20 == 19:
                    say(f"{done} trials, best {self._best(found, times):.2f}x")
                if is_last:
                    break
        return {**self._final(found), "trials": done, "failed": self._failed}

    def _best(self, found: list[Trial], times: list[float]) -> float:
        plain = statistics.median(times)
        return max((plain / trial.cpu_s for trial in found), default=1.0)

    def _build(self, number: int, settings: dict[str, str]) -> Path:
        flags = recipes.flags(settings, self._profile)
        assert flags is not None
        toolchain = Toolchain(*CLANG, (*flags, *STRICT, "-Wno-unused-command-line-argument"))
        directory = self._directory / str(number)
        program = self._subject.build(toolchain, directory)
        kept = self._directory / f"{number}.program"
        shutil.copy2(program, kept)
        shutil.rmtree(directory)
        return kept

    def _built(self, coming: Future[Path]) -> Path | None:
        try:
            return coming.result()
        except BenchError:
            return None

    def _try(self, program: Path | None, settings: dict[str, str], expected: bytes) -> Trial | None:
        """None where it did not build, or crashed, or prints something else."""
        if program is not None:
            try:
                cpu_s, output = self._time(program)
                if output == expected:
                    return Trial(settings, program, cpu_s)
            except BenchError:
                pass
            program.unlink()
        self._failed += 1
        return None

    def _time(self, program: Path) -> tuple[float, bytes]:
        is_real = self._subject.kind == "real"
        command = [str(program), *self._subject.arguments(self._data, self._limits.seconds)]
        sample = observe(command, program, is_real, NO_SERVER)
        return work_cpu_s(sample, is_real), sample.output

    def _final(self, found: list[Trial]) -> dict[str, Any]:
        finalists = sorted(found, key=lambda trial: trial.cpu_s)[:FINALISTS]
        programs = {BASELINE: self._baseline, **{str(t.program): t.program for t in finalists}}
        times: dict[str, list[float]] = {name: [] for name in programs}
        for name in palindrome(tuple(programs), FINAL_BLOCKS):
            times[name].append(self._time(programs[name])[0])
        plain = times[BASELINE]
        ratios = {
            i: median_ratio(pair_ratios(plain, times[str(trial.program)]))
            for i, trial in enumerate(finalists)
        }
        shutil.rmtree(self._directory, ignore_errors=True)
        if not ratios:
            return {"best": 1.0, "low": 1.0, "high": 1.0, "settings": {}}
        best = max(ratios, key=lambda i: ratios[i].value)
        ratio = ratios[best]
        return {
            "best": round(ratio.value, 4),
            "low": round(ratio.low, 4),
            "high": round(ratio.high, 4),
            "settings": finalists[best].settings,
        }


def read() -> dict[str, Any]:
    """What is kept."""
    try:
        found: dict[str, Any] = json.loads(FILE.read_text())
    except FileNotFoundError:
        return {"programs": {}}
    return found


def offline(
    programs: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Only these. [default: all]")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Recipes of each program.")] = 100,
    seconds: Annotated[float, typer.Option(min=0.05, help="Of one timing.")] = 0.3,
    minutes: Annotated[
        float, typer.Option(min=0.1, help="Of one program at most; sqlite3 takes one to build.")
    ] = 6.0,
    again: Annotated[bool, typer.Option("--again", help="Also what is kept already.")] = False,
) -> None:
    """An offline search over the recipes' knobs, a program after the other; results are kept."""
    names = [subject.name for subject in subjects()]
    if programs:
        require_known("program", words(programs), names)
    wanted = words(programs) if programs else names
    kept = read()
    todo = [s for s in subjects() if s.name in wanted and (again or s.name not in kept["programs"])]
    console.print(f"{len(todo)} programs, at most {minutes * len(todo):.0f} minutes")
    failures = 0
    for number, subject in enumerate(todo, 1):
        head = f"[{number}/{len(todo)}] {subject.name}"
        begin = time.monotonic()
        try:
            search = Search(subject, BUILD, Limits(trials, seconds, minutes))
            found = search.run(lambda said, head=head: console.print(f"{head}: {said}"))  # type: ignore[misc]
        except BenchError as error:
            failures += 1
            console.print(f"{head}: failed: {str(error)[:300]}")
            continue
        taken = time.monotonic() - begin
        console.print(f"{head}: {found['best']:.2f}x by {found['settings']} in {taken:.0f} s")
        kept = read()
        kept["programs"][subject.name] = {**found, "seconds": seconds, "commit": machine.commit()}
        kept["processor"] = machine.processor()
        FILE.write_text(json.dumps(kept, indent=1) + "\n")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(offline)
    app()
