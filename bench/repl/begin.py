"""What a person waits for at the beginning: the prompt, headers, the first use of large templates.

Each sample has a session of its own, because the first header brings much of the next one along.
Halo's header cache is warm.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from operator import methodcaller

from bench.measure import BenchError
from bench.repl.entry import seats
from bench.repl.figures import STOCKS, Figure, Rival
from bench.repl.rivals import Console, Direct, Place, Seat
from bench.repl.terminal import NoAnswer
from halojit.repl import headers

START_GOAL_MS = 150.0
INCLUDE_GOAL_MS = 5.0
CACHE_LIMIT_S = 120.0
AT_ONCE = ('extern "C" int puts(const char *); int shown = puts("it " "is");', "it is")
CONSOLES = (Rival.HALO, *STOCKS)


@dataclass(frozen=True)
class Use:
    """Of a header: an input that shows "yes"."""

    name: str
    goal_ms: float
    more: tuple[str, ...]  # headers that it needs besides
    source: str


USES = {
    "map": Use(
        "map<string, int>",
        20.0,
        ("string",),
        'std::map<std::string, int> ages{{"ada", 36}}; ages["alan"] = 41;'
        ' puts(ages["alan"] + ages["ada"] == 77 ? "ye" "s" : "no");',
    ),
    "regex": Use(
        "regex",
        200.0,
        (),
        'puts(std::regex_match("2026-11-22", std::regex("([0-9]+)-([0-9]+)-([0-9]+)"))'
        ' ? "ye" "s" : "no");',
    ),
}
HEADERS = ("iostream", "vector", *USES)


def warm() -> None:
    """Waits until Halo has its header cache. BenchError."""
    Direct().close()  # has it made if there is none
    file = headers.path(())
    deadline = time.monotonic() + CACHE_LIMIT_S
    while not (file and file.exists()):
        if time.monotonic() > deadline:
            raise BenchError(f"no header cache at {file} after {CACHE_LIMIT_S:.0f} s")
        time.sleep(0.2)


def measure_start(place: Place, rounds: int) -> list[Figure]:
    """Exec to prompt, and to the result of what is typed there at once. Nothing is kept of the
    first round, which reads the files."""
    prompt = Figure("start: exec to prompt", START_GOAL_MS)
    result = Figure("start: exec to the first result")
    for round in range(rounds + 1):
        for rival in CONSOLES if round % 2 else reversed(CONSOLES):
            figures = (prompt, result) if round else (Figure(""), Figure(""))
            try:
                console = Console(place, rival)
                figures[0].add(rival, console.start_ms)
            except NoAnswer as error:
                for each in figures:
                    each.fail(rival, str(error))
                continue
            try:
                figures[1].add(rival, console.begin_at_once(*AT_ONCE))
            except NoAnswer as error:
                figures[1].fail(rival, str(error))
            console.close()
    return [prompt, result]


def measure_headers(place: Place, rounds: int) -> list[Figure]:
    """Enter to prompt for each header, then Enter to result for its first use."""
    includes = {name: Figure(f"#include <{name}>", INCLUDE_GOAL_MS) for name in HEADERS}
    uses = {name: Figure(f"first {use.name}", use.goal_ms) for name, use in USES.items()}
    for round in range(rounds):
        for name in HEADERS:
            with seats(place, list(Rival), lambda _: ("int x = 1;",)) as taken:
                for seat in taken if round % 2 else reversed(taken):
                    seat.begin(0)
                    seat.measure(includes[name], methodcaller("ask", f"#include <{name}>"))
                    if name in USES:
                        _measure_use(seat, USES[name], uses[name])
                    seat.end()
    return [*includes.values(), *uses.values()]


def _measure_use(seat: Seat, use: Use, figure: Figure) -> None:
    unmeasured = Figure("what it needs besides")
    for header in use.more:
        seat.measure(unmeasured, methodcaller("ask", f"#include <{header}>"))
    seat.measure(unmeasured, methodcaller("ask", "#include <cstdio>"))
    seat.measure(figure, methodcaller("ask", use.source, "yes"))
