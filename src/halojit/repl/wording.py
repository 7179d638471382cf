"""Outcomes and inputs in words, the same on every front.

In: what comes of an input. Out: plain text. It does not know where the text is shown, nor in what
colours.
"""

from __future__ import annotations

from collections.abc import Sequence

from halojit.repl.outcome import Frame, Outcome, Reason

FRAMES = 16
"""Functions of a backtrace that are shown: an overflown stack has many thousands."""
_WIDTH = 72


def message(outcome: Outcome) -> str:
    """What a person is told of an outcome besides its diagnostics and its value; "" is possible."""
    lines = []
    if outcome.exception:
        lines.append(f"uncaught {outcome.exception}")
    failure = outcome.failure
    # Diagnostics say all that there is to say of an input that is no C++.
    if failure and not (failure.reason is Reason.COMPILE and outcome.diagnostics):
        lines.append(f"taken back: {failure.text}")
        lines += [f"  in {_place(frame)}" for frame in failure.backtrace[:FRAMES]]
        if (hidden := len(failure.backtrace) - FRAMES) > 0:
            lines.append(f"  and {hidden} more")
    if outcome.lost:
        lines.append(f"lost with it: {count(len(outcome.lost))}; %replay runs them again")
        lines += [f"  {brief(each)}" for each in outcome.lost]
    return "\n".join(lines)


def count(inputs: int) -> str:
    """`1 input`, `2 inputs`."""
    return f"{inputs} input{'' if inputs == 1 else 's'}"


def brief(text: str) -> str:
    """An input in one line."""
    first, *others = text.strip().splitlines() or [""]
    if len(first) > _WIDTH:
        return first[: _WIDTH - 1] + "…"
    return f"{first} …" if others else first


def numbered(inputs: Sequence[str]) -> str:
    """Inputs in full, numbered from 1."""
    margin = len(str(len(inputs)))
    return "\n".join(
        f"{number:{margin}}  " + each.strip().replace("\n", "\n" + " " * (margin + 2))
        for number, each in enumerate(inputs, 1)
    )


def duration(seconds: float) -> str:
    """Three digits and a unit: `1.23 ms`."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def _place(frame: Frame) -> str:
    where = f" at {frame.file}" if frame.file else ""
    return frame.function + (f"{where}:{frame.line}" if where and frame.line else where)
