"""Outcomes and inputs in words, the same on every front.

In: what comes of an input. Out: plain text. It does not know where the text is shown, nor in what
colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from halojit.repl.outcome import Frame, Outcome, Reason

FRAMES = 16
"""Functions of a backtrace that are shown: an overflown stack has many thousands."""
_WIDTH = 72


def message(outcome: Outcome, is_end: bool = False) -> str:
    """What a person is told of an outcome besides its diagnostics and its value; "" is possible.
    `is_end`: it is that of a session's end."""
    lines = []
    if outcome.exception:
        lines.append(f"uncaught {outcome.exception}")
    failure = outcome.failure
    # Diagnostics say all that there is to say of an input that is no C++.
    if failure and not (failure.reason is Reason.COMPILE and outcome.diagnostics):
        lines.append(f"{'at the end of the session' if is_end else 'taken back'}: {failure.text}")
        lines += _frames(failure.backtrace)
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


def _frames(backtrace: Sequence[Frame]) -> list[str]:
    """Those that are the same as the one before are counted."""
    lines: list[str] = []
    shown = 0
    for place, same in groupby(map(_place, backtrace)):
        if len(lines) == FRAMES:
            return [*lines, f"  and {len(backtrace) - shown} more"]
        times = len(list(same))
        shown += times
        lines.append(f"  in {place}" + (f", {times} times" if times > 1 else ""))
    return lines


def _place(frame: Frame) -> str:
    where = f" at {frame.file}" if frame.file else ""
    return frame.function + (f"{where}:{frame.line}" if where and frame.line else where)
