"""The rivals' sessions: how each is begun, asked, and begun anew when it gives no answer.

In: inputs and what they should show. Out: milliseconds. What they are asked is not known here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.programs import Tools
from bench.repl.figures import Figure, Rival
from bench.repl.terminal import NoAnswer, Terminal
from halojit.repl.session import Session

LLVM = Path("/usr/lib/llvm-22")
CLANG_REPL = LLVM / "bin" / "clang-repl"
STOCK_EXECUTOR = LLVM / "bin" / "llvm-jitlink-executor"
ORC_RUNTIME = LLVM / "lib/clang/22/lib/linux" / f"liborc_rt-{os.uname().machine}.a"
PROMPTS = {Rival.HALO: "halo>", Rival.STOCK: "clang-repl>", Rival.OOP: "clang-repl>"}

PAUSE_S = 0.05
PERSON_S = 1.0
"""Nobody types the first input faster."""
"""Between what a person does: nothing is left to do from before when Enter is pressed."""
LIMIT_S = 10.0
COMPLETION_LIMIT_S = 2.0
LATE_S = 0.3
"""What is printed by another process may come after the prompt."""
MOST_FAILURES = 2
"""Of one figure: then the rival is left out of it."""


class Wrong(NoAnswer):
    """The session goes on, but did not show what it should have."""


@dataclass(frozen=True)
class Place:
    """Where rivals are, and what they keep while they are measured."""

    tools: Tools
    directory: Path

    def command(self, rival: Rival) -> list[str]:
        """Of a rival that is a program."""
        if rival == Rival.HALO:
            return [self.tools.halo("halo-repl")]
        outside = [f"--oop-executor={STOCK_EXECUTOR}", f"--orc-runtime={ORC_RUNTIME}"]
        return [str(CLANG_REPL), *(outside if rival == Rival.OOP else [])]

    def environment(self) -> dict[str, str]:
        """Histories and caches are not the user's."""
        kept = {name: str(self.directory) for name in ("HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")}
        return {**os.environ, **kept}

    def begin(self, rival: Rival) -> Asked:
        """A session. NoAnswer."""
        return Direct() if rival == Rival.API else Console(self, rival)


class Asked(Protocol):
    """A session at work."""

    def ask(self, source: str, expected: str = "") -> float:
        """Milliseconds until an input's result is there: `expected`, or else the prompt.
        NoAnswer."""

    def complete(self, source: str, expected: str) -> float:
        """Milliseconds until a completion is offered. NoAnswer."""

    def close(self) -> None:
        """Ends it."""


class Console:
    """At a pseudo-terminal. `start_ms`: from exec to prompt."""

    def __init__(self, place: Place, rival: Rival) -> None:
        self._prompt = PROMPTS[rival]
        self._terminal = Terminal(place.command(rival), place.environment())
        try:
            shown_ns = self._terminal.wait(self._prompt, limit_s=30.0)
        except NoAnswer:
            self._terminal.close()
            raise
        self.start_ms = (shown_ns - self._terminal.begun_ns) * 1e-6

    def begin_at_once(self, source: str, expected: str) -> float:
        """Milliseconds from exec to the result of what is typed as soon as there is a prompt.
        NoAnswer."""
        self._terminal.send(f"{source}\r")
        shown_ns = self._terminal.wait(expected, limit_s=LIMIT_S)
        return (shown_ns - self._terminal.begun_ns) * 1e-6

    def ask(self, source: str, expected: str = "") -> float:
        """From Enter on."""
        terminal = self._terminal
        self._type(source)
        begun_ns = terminal.send("\r")
        ended_ns = terminal.wait_below(expected or self._prompt, self._prompt, limit_s=LIMIT_S)
        if expected and expected not in terminal.shown_below:
            try:
                ended_ns = terminal.wait_below(expected, limit_s=LATE_S)
            except NoAnswer as error:
                raise Wrong(f"no {expected!r}", terminal.shown_below) from error
        answer_ms = (ended_ns - begun_ns) * 1e-6
        terminal.wait_below(self._prompt, limit_s=LIMIT_S)
        return answer_ms

    def complete(self, source: str, expected: str) -> float:
        """From Tab on. The line is left empty."""
        terminal = self._terminal
        self._type(source)
        begun_ns = terminal.send("\t")
        try:
            shown_ns = terminal.wait(untyped(source, expected), limit_s=COMPLETION_LIMIT_S)
        except NoAnswer as error:
            raise Wrong("offers nothing") from error
        finally:
            terminal.send("\x03" if self._prompt == PROMPTS[Rival.HALO] else "\x15")
        return (shown_ns - begun_ns) * 1e-6

    def _type(self, source: str) -> None:
        self._terminal.rest(PAUSE_S)
        self._terminal.send(source)
        self._terminal.wait(source[-2:], limit_s=LIMIT_S)
        self._terminal.rest(PAUSE_S)

    def close(self) -> None:
        """Kills it."""
        self._terminal.close()


def untyped(source: str, completed: str) -> str:
    """What is left of a word whose beginning ends the source."""
    lengths = range(len(completed), -1, -1)
    typed = next(length for length in lengths if source.endswith(completed[:length]))
    return completed[typed:]


class Direct:
    """The Python interface, in this process."""

    def __init__(self) -> None:
        self._nothing = os.open(os.devnull, os.O_RDWR)
        self.session = Session((), (self._nothing, self._nothing, self._nothing))

    def ask(self, source: str, expected: str = "") -> float:
        """Of one `run`. What an input prints is not seen here."""
        self._rest()
        begun_ns = time.perf_counter_ns()
        outcome = self.session.run(source)
        answer_ms = (time.perf_counter_ns() - begun_ns) * 1e-6
        if outcome.failure and expected:
            raise Wrong(outcome.failure.text)
        if expected.startswith("(") and str(outcome.value) != expected:
            raise Wrong(f"no {expected!r} but {outcome.value}")
        return answer_ms

    def complete(self, source: str, expected: str) -> float:
        """Of one `complete`."""
        self._rest()
        begun_ns = time.perf_counter_ns()
        found = self.session.complete(source, len(source))
        answer_ms = (time.perf_counter_ns() - begun_ns) * 1e-6
        if not any(expected in each.text for each in found.items):
            raise Wrong("offers nothing")
        return answer_ms

    def _rest(self) -> None:
        self.session.settle()
        time.sleep(PAUSE_S)

    def close(self) -> None:
        """Ends the session."""
        self.session.close()
        os.close(self._nothing)


class Seat:
    """A rival's place in a measurement: a session that is begun anew when it gave no answer.
    `setup`: inputs that each session begins with, by the round."""

    def __init__(self, place: Place, rival: Rival, setup: Callable[[int], Sequence[str]]) -> None:
        self.rival = rival
        self._place = place
        self._setup = setup
        self._session: Asked | None = None
        self._lack = ""  # why there is no session
        self._fruitless = 0  # attempts to begin one

    def begin(self, round: int) -> None:
        """Has a session, if one can be had."""
        if self._session or self._fruitless >= MOST_FAILURES:
            return
        try:
            self._session = self._place.begin(self.rival)
            time.sleep(PERSON_S)
            for each in self._setup(round):
                self._session.ask(each)
        except NoAnswer as error:
            self._fruitless += 1
            self._lack = f"no session: {error}"
            self.end()

    def measure(self, figure: Figure, act: Callable[[Asked], float]) -> None:
        """Adds the next sample to the figure."""
        if len(figure.failures.get(self.rival, ())) >= MOST_FAILURES:
            figure.add(self.rival, None)
        elif not self._session:
            figure.fail(self.rival, self._lack)
        else:
            try:
                figure.add(self.rival, act(self._session))
            except NoAnswer as error:
                figure.fail(self.rival, str(error))
                if not isinstance(error, Wrong):
                    self._lack = str(error)
                    self.end()

    def end(self) -> None:
        """Ends the session; `begin` begins another."""
        if self._session:
            self._session.close()
        self._session = None
