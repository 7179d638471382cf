"""What Jupyter is told of a cell that did not succeed: a name, a sentence, lines for a person.

In: what came of the cell. Out: a Fault, or None where there is nothing to tell. No I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from halojit.repl.command import Result
from halojit.repl.outcome import Outcome, Reason
from halojit.repl.wording import message

NAMES = {
    Reason.COMPILE: "CompileError",
    Reason.LINK: "LinkError",
    Reason.EXIT: "Exit",
    Reason.INTERRUPT: "KeyboardInterrupt",
}
AS_IT_WAS = "The session goes on; every variable is as it was before this cell."
WITHOUT_LOST = "The session goes on; every variable is as it was before what is lost."
STAYS = "What the cell did before it threw stays."


@dataclass(frozen=True)
class Fault:
    """An `error` message's content."""

    name: str
    text: str
    lines: tuple[str, ...]

    def content(self) -> dict[str, Any]:
        """As Jupyter wants it."""
        return {"ename": self.name, "evalue": self.text, "traceback": list(self.lines)}


def fault(result: Result) -> Fault | None:
    """The first thing that went wrong."""
    for outcome in result.outcomes:
        if found := _of_outcome(outcome):
            return found
    if result.is_ok:
        return None
    return Fault("CommandError", result.text, (result.text,))


def _of_outcome(outcome: Outcome) -> Fault | None:
    lines = message(outcome).splitlines()
    if failure := outcome.failure:
        name = NAMES.get(failure.reason) or _signal_name(failure.text)
        last = WITHOUT_LOST if outcome.lost else AS_IT_WAS
        return Fault(name, failure.text, (*(lines or [f"{name}: {failure.text}"]), last))
    if exception := outcome.exception:
        return Fault(exception.type, exception.what, (*lines, STAYS))
    return None


def _signal_name(text: str) -> str:
    name = text.partition(":")[0]
    return name if name.startswith("SIG") else "Crash"
