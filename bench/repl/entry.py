"""What a person waits for in a session: results, completions, the prompt after a crash.

All rivals' sessions are open at once and are asked the same in turns, forwards and backwards.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import methodcaller

from bench.repl.figures import OURS, STOCKS, Figure, Rival, together
from bench.repl.rivals import Asked, Place, Seat
from bench.repl.terminal import NoAnswer

ENTER_GOAL_MS = 3.5
CRASH_GOAL_MS = 30.0
COMPLETION_GOAL_MS = 15.0
CRASH = "*(volatile int*)0 = 1;"


@dataclass(frozen=True)
class Statement:
    """An input, a little different in each round, and what it shows ("": nothing)."""

    name: str
    source: Callable[[int], str]
    shown: Callable[[int], str] = lambda round: ""


# The expression comes last: where values cannot be shown, stock clang-repl may hang.
STATEMENTS = (
    Statement("int n = 1;", lambda i: f"int n{i} = 1;"),
    Statement("x += 2;", lambda i: "x += 2;"),
    Statement("printf", lambda i: f'printf("it " "is %d\\n", {i});', lambda i: f"it is {i}"),
    Statement(
        "function and call",
        lambda i: f'int f{i}(int n) {{ return 2 * n; }} printf("twi" "ce %d\\n", f{i}({i}));',
        lambda i: f"twice {2 * i}",
    ),
    Statement("x", lambda i: "x", lambda i: f"(int) {_x(i + 1)}"),
)


def _x(round: int) -> int:
    return 40 + 2 * round


def _setup(round: int) -> list[str]:
    headers = [f"#include <{name}>" for name in ("cstdio", "string", "vector")]
    return [*headers, f"int x = {_x(round)};", "std::vector<int> v;"]


@contextlib.contextmanager
def seats(
    place: Place, rivals: Sequence[Rival], setup: Callable[[int], Sequence[str]]
) -> Iterator[list[Seat]]:
    """Ended at the end."""
    taken = [Seat(place, rival, setup) for rival in rivals]
    try:
        yield taken
    finally:
        for seat in taken:
            seat.end()


def in_turns(taken: Sequence[Seat], rounds: int) -> Iterator[tuple[int, list[Seat]]]:
    """(round, seats with sessions, forwards or backwards)."""
    for round in range(rounds):
        order = list(taken if round % 2 == 0 else reversed(taken))
        for seat in order:
            seat.begin(round)
        yield round, order


def measure_entry(place: Place, rounds: int) -> list[Figure]:
    """Enter to result; the first figure is of all statements."""
    figures = [Figure(f"Enter to result: {one.name}", ENTER_GOAL_MS) for one in STATEMENTS]
    with seats(place, list(Rival), _setup) as taken:
        for round, order in in_turns(taken, rounds + 1):
            for statement, figure in zip(STATEMENTS, figures, strict=True):
                into = figure if round else Figure(figure.name)  # the first is everybody's warm-up
                asked = methodcaller("ask", statement.source(round), statement.shown(round))
                for seat in order:
                    seat.measure(into, asked)
    return [together("Enter to result: all of these", figures, ENTER_GOAL_MS), *figures]


def measure_completion(place: Place, rounds: int) -> list[Figure]:
    """Tab to the offer."""
    wanted = {"std::vec": "vector", "v.push_b": "push_back"}
    figures = {source: Figure(f"completion: {source}", COMPLETION_GOAL_MS) for source in wanted}
    with seats(place, list(Rival), _setup) as taken:
        for _, order in in_turns(taken, rounds):
            for source, offer in wanted.items():
                for seat in order:
                    seat.measure(figures[source], methodcaller("complete", source, offer))
    return list(figures.values())


def measure_crash(place: Place, rounds: int) -> list[Figure]:
    """Enter of what crashes to the prompt, then Enter of the next input to its result, which tells
    that the state is there. A rival that does not show it has lost its session."""
    crash = Figure("crash: Enter to prompt", CRASH_GOAL_MS)
    after = Figure("crash: next input's Enter to result")
    probes = {
        **dict.fromkeys(OURS, ("x", f"(int) {_x(0)}")),
        **dict.fromkeys(STOCKS, ('printf("it " "is %d\\n", x);', f"it is {_x(0)}")),
    }
    with seats(place, list(Rival), lambda _: _setup(0)) as taken:
        for _, order in in_turns(taken, rounds):
            for seat in order:
                seat.measure(crash, partial(_crash, seat.rival, probes[seat.rival], after))
    return [crash, after]


def _crash(rival: Rival, probe: tuple[str, str], after: Figure, session: Asked) -> float:
    try:
        crash_ms = session.ask(CRASH)
        after.add(rival, session.ask(*probe))
    except NoAnswer as error:
        raise NoAnswer(f"the session is lost: {error}") from error
    return crash_ms
