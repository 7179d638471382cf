"""A session: inputs, one after the other, each all or nothing.

In: source text. Out: an Outcome for each. An input that fails in whatever way leaves nothing
behind: every variable and every declaration is as it was.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Self

from halojit import paths
from halojit.repl.pair import Death, Interrupted, Pair, describe

_COMMITS = 16


@dataclass(frozen=True)
class Failure:
    """Why an input was rolled back. `kind`: "compile", "link", "crash", "interrupt"."""

    kind: str
    text: str


@dataclass(frozen=True)
class Outcome:
    """What came of an input."""

    diagnostics: str = ""
    value: tuple[str, str] | None = None  # type and text of a trailing expression
    exception: tuple[str, str] | None = None  # type, what(); the input's effects stay
    failure: Failure | None = None

    @property
    def is_kept(self) -> bool:
        """Whether the input's effects are there."""
        return self.failure is None


class Session:
    """Interactive C++. `flags`: for clang, as `-std=c++23`."""

    def __init__(self, flags: tuple[str, ...] = (), stdin: int | None = None) -> None:
        def interpreter(fd: int) -> list[str]:
            return [
                str(paths.command_dir() / "halo-interpreter"),
                f"--keep={fd}",
                f"--support={paths.library_dir() / 'halo-support.o'}",
                f"--show={paths.library_dir() / 'show.h'}",
                "--",
                *flags,
            ]

        self._pair = Pair(
            interpreter,
            lambda fd: [str(paths.command_dir() / "halo-executor"), f"keep={fd}"],
            stdin,
        )
        self._commits: deque[int] = deque()
        self._next = 1
        self._pending: int | None = None
        self._pair.start()
        self._pair.send({"commit": 0})
        self._pair.settle(0)
        self._commits.append(0)

    def run(self, source: str) -> Outcome:
        """Runs one input. Never raises for what the input does."""
        lost = self._settle()
        if lost:
            return lost
        id, self._next = self._next, self._next + 1
        self._pair.send({"run": source, "commit": id})
        try:
            answer = self._pair.answer()
        except Interrupted:
            return self._back(Failure("interrupt", "interrupted"))
        if isinstance(answer, Death):
            return self._back(Failure("crash", f"{answer.who}: {describe(answer)}"))
        diagnostics = answer["diagnostics"]
        if not answer["compiled"]:
            return self._back(Failure("compile", "not compiled"), diagnostics)
        if "error" in answer:
            return self._back(Failure("link", answer["error"]), diagnostics)
        self._pending = id
        value, exception = answer.get("value"), answer.get("exception")
        return Outcome(
            diagnostics,
            (value["type"], value["text"]) if value else None,
            (exception["type"], exception["what"]) if exception else None,
        )

    def is_complete(self, text: str) -> tuple[str, int]:
        """("complete" | "incomplete" | "invalid", open brackets)."""
        self._settle()
        self._pair.send({"complete": text})
        answer = self._pair.answer()
        if isinstance(answer, Death):
            self._pair.thaw(self._commits[-1])
            return "invalid", 0
        return answer["state"], answer["depth"]

    def undo(self, count: int = 1) -> int:
        """Takes back the last inputs; how many there were to take back."""
        self._settle()
        count = min(count, len(self._commits) - 1)
        for _ in range(count):
            self._pair.drop(self._commits.pop())
        self._pair.thaw(self._commits[-1])
        return count

    def processes(self) -> dict[str, int | None]:
        """The process ids of "worker" and "interpreter", once the last input is kept."""
        self._settle()
        return self._pair.pids()

    def interrupt(self) -> None:
        """Ends the input that runs, as a failed one. Any thread."""
        self._pair.interrupt()

    def close(self) -> None:
        """Ends the session and its processes."""
        self._pair.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _settle(self) -> Outcome | None:
        """The last input's commit is there, or the input is lost."""
        if self._pending is None:
            return None
        id, self._pending = self._pending, None
        done = self._pair.settle(id)
        if isinstance(done, Death):
            return self._back(
                Failure(
                    "crash", f"{describe(done)} of the {done.who} before the last input was kept"
                )
            )
        if done:
            self._commits.append(id)
            if len(self._commits) > _COMMITS:
                self._pair.drop(self._commits.popleft())
        return None

    def _back(self, failure: Failure, diagnostics: str = "") -> Outcome:
        self._pair.thaw(self._commits[-1])
        return Outcome(diagnostics, failure=failure)
