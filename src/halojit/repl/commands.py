"""Whatever a person may type: inputs, `%` commands, `?name`. One door for every front.

In: text. Out: a Result, which says what to show; nothing is printed here. It does not know whether
a terminal, a pipe or a notebook asks. The commands are TABLE, at the end.
"""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from halojit.repl import files
from halojit.repl.command import Command, CommandError, Result, path, split
from halojit.repl.listing import assembly, table
from halojit.repl.outcome import Completion, Completions, Declared
from halojit.repl.package import PackageError, package
from halojit.repl.session import Session, StateError
from halojit.repl.states import STEPS
from halojit.repl.timing import source, timing
from halojit.repl.wording import brief, count, duration, numbered


class Commands:
    """Takes texts for a session. `start`: makes a fresh one, for %restart."""

    def __init__(self, session: Session, start: Callable[[], Session]) -> None:
        self.session = session
        """The present one: another one after %restart."""
        self._start = start
        self._undone: tuple[str, ...] = ()  # what %redo runs
        self._lost: tuple[str, ...] = ()  # what %replay runs

    def close(self) -> Result:
        """Ends the present session, if %quit has not. How that failed is told."""
        failed = self.session.close()
        return Result(is_ok=not failed, outcomes=(failed,) if failed else (), is_over=True)

    def take(self, text: str, meanwhile: Callable[[], None] | None = None) -> Result:
        """Runs an input or a command, or commands on a line each and an input after them.
        `meanwhile`: as of a session's `run`. Raises SessionError when nothing can go on."""
        typed = text.strip()
        if typed and typed[0] not in "%?":
            return self._input(text, meanwhile=meanwhile)
        if meanwhile:
            meanwhile()
        if not typed:
            return Result()
        line, _, rest = typed.partition("\n")
        if not rest or _takes_code(line):
            return self._command(typed)
        first = self._command(line)
        return _both(first, self.take(rest)) if first.is_ok and not first.is_over else first

    def _command(self, typed: str) -> Result:
        if typed.startswith("?"):
            return self._describe(typed[1:].strip())
        name, rest = split(typed)
        try:
            command = _find(name)
            return command.run(self, *command.values(rest))
        except (CommandError, StateError) as error:
            return Result(f"%{name}: {error}", is_ok=False)

    def is_complete(self, text: str) -> tuple[str, int]:
        """As of a session, for whatever may be typed."""
        typed = text.strip()
        if typed.startswith("%"):
            name, rest = split(typed)
            if not (rest and name in TABLE and TABLE[name].arguments == "CODE"):
                return "complete", 0
            return self.session.is_complete(rest)
        return ("complete", 0) if typed.startswith("?") else self.session.is_complete(text)

    def complete(self, text: str, cursor: int) -> Completions:
        """What may stand at the cursor, an offset in `text`."""
        before = text[:cursor]
        if not before.lstrip().startswith("%"):
            return self.session.complete(text, cursor)
        word = re.search(r"\S*$", before)
        assert word
        name, rest = split(before.strip())
        if not rest and before[-1:].strip():
            found = [Completion(f"%{each.name}", "command", each.help) for each in TABLE.values()]
        elif name in TABLE and TABLE[name].takes_code:
            skipped = text.find(rest, before.index(name) + len(name)) if rest else cursor
            inner = self.session.complete(text[skipped:], cursor - skipped)
            return Completions(inner.start + skipped, inner.items)
        else:
            kind = TABLE[name].arguments.rpartition(" ")[2].strip("[]") if name in TABLE else ""
            found = [Completion(each, "argument", "") for each in self._candidates(kind, word[0])]
        fitting = tuple(each for each in found if each.text.startswith(word[0]))
        return Completions(word.start(), fitting)

    def _candidates(self, kind: str, word: str) -> list[str]:
        if kind == "COMMAND":
            return list(TABLE)
        if kind == "NAME":
            return list(self.session.checkpoints)
        if kind == "FUNCTION":
            return [each.name for each in self.session.declared() if each.kind == "function"]
        if kind != "FILE" and not (kind == "LIBRARY" and "/" in word):
            return []
        directory = word[: word.rfind("/") + 1]
        try:
            entries = sorted(Path(directory or ".").expanduser().iterdir())
        except (OSError, RuntimeError):
            return []
        return [f"{directory}{each.name}{'/' if each.is_dir() else ''}" for each in entries]

    # ---- inputs

    def _input(self, *texts: str, meanwhile: Callable[[], None] | None = None) -> Result:
        """Runs inputs up to the first that fails."""
        outcomes = []
        for text in texts:
            outcome = self.session.run(text, meanwhile=meanwhile)
            meanwhile = None
            outcomes.append(outcome)
            self._lost = outcome.lost or self._lost
            if not outcome.is_kept:
                break
        return Result(is_ok=outcomes[-1].is_kept, outcomes=tuple(outcomes))

    def _describe(self, name: str) -> Result:
        if not name:
            return Result("?: expected a name, as ?std::vector", is_ok=False)
        text = self.session.describe(name)
        return Result(text) if text else Result(f"?{name}: no such name here", is_ok=False)

    def _type(self, expression: str) -> Result:
        text, diagnostics = self.session.type_of(expression)
        if text is None:
            raise CommandError(diagnostics.rstrip() or f"{expression}: there was no answer")
        return Result(text)

    def _who(self) -> Result:
        found = self.session.declared()
        return Result(
            table((each, self._value(each)) for each in found) if found else "nothing yet"
        )

    def _value(self, declared: Declared) -> str:
        if declared.kind != "variable" or declared.text is not None:
            return declared.text or ""
        outcome = self.session.look(declared.name)
        return outcome.value.text if outcome.value else ""

    def _asm(self, level: int | None, name: str) -> Result:
        return Result(assembly(self._listing(name, level, is_ir=False)))

    def _ir(self, level: int | None, name: str) -> Result:
        return Result(self._listing(name, level, is_ir=True).strip())

    def _listing(self, name: str, level: int | None, is_ir: bool) -> str:
        text, why = self.session.listing(name, level or 0, is_ir)
        if text is None:
            raise CommandError(f"{name}: {why}; expected a function's name or an input's number")
        return text

    def _load(self, file: Path) -> Result:
        inputs = files.load(file)
        result = self._input(*inputs)
        if result.is_ok or len(inputs) == 1:
            return result
        text = f"{len(result.outcomes) - 1} of {count(len(inputs))} run"
        return replace(result, text=text)

    def _save(self, file: Path) -> Result:
        inputs = self.session.inputs
        files.save(file, inputs)
        return Result(f"{count(len(inputs))} written to {file}")

    def _history(self) -> Result:
        return Result(numbered(self.session.inputs) or "no inputs yet")

    # ---- libraries

    def _lib(self, library: str) -> Result:
        # The worker may be in another directory.
        is_path = "/" in library
        outcome = self.session.load(str(path(library).absolute()) if is_path else library)
        return Result(is_ok=outcome.is_kept, outcomes=(outcome,))

    def _pkg(self, name: str) -> Result:
        try:
            found = package(name)
        except PackageError as error:
            raise CommandError(str(error)) from error
        result = self._input(found.source) if found.source else Result()
        if not found.ignored:
            return result
        return replace(result, text=f"not for a session: {' '.join(found.ignored)}")

    # ---- time

    def _time(self, code: str) -> Result:
        begin = time.perf_counter()
        result = self._input(code)
        took = duration(time.perf_counter() - begin)
        return Result(f"wall time: {took}", result.is_ok, result.outcomes)

    def _timeit(self, code: str) -> Result:
        outcome = self.session.run(source(code))
        if not outcome.is_kept:
            return Result(is_ok=False, outcomes=(outcome,))
        # What the rounds did is taken back: timing changes nothing.
        stays = ""
        try:
            self.session.undo()
        except StateError as error:
            stays = f"\nwhat the code did stays: {error}"
        if not outcome.value:
            return Result(is_ok=False, outcomes=(outcome,))
        return Result(f"{timing(outcome.value.text)}{stays}")

    # ---- time travel

    def _undo(self, number: int | None = None) -> Result:
        wanted = number or 1
        taken_back = self._take_back(lambda: self.session.undo(wanted))
        if not taken_back:
            raise CommandError("there is no input to take back")
        text = f"took back {count(len(taken_back))}"
        if len(taken_back) == wanted:
            return Result(_list(text, taken_back))
        why = self.session.why_not_older()
        return Result(_list(f"{text}, not {wanted}", taken_back) + (f"\n{why}" if why else ""))

    def _redo(self) -> Result:
        if not self._undone:
            raise CommandError("nothing to run again; %undo and %restore take inputs back")
        result, self._undone = self._again(self._undone, "redo")
        return result

    def _replay(self) -> Result:
        if not self._lost:
            raise CommandError("no inputs are lost")
        lost, self._lost = self._lost, ()
        result, left = self._again(lost, "replay")
        self._lost += left  # after what was lost once more
        return result

    def _again(self, texts: tuple[str, ...], name: str) -> tuple[Result, tuple[str, ...]]:
        """Runs them; what comes of it, and those that have not run."""
        result = self._input(*texts)
        done = len(result.outcomes) - (not result.is_ok)
        left = texts[done:]
        text = f"{count(done)} run again" + (f", {count(len(left))} left for %{name}" * bool(left))
        return Result(text, result.is_ok, result.outcomes), left

    def _checkpoint(self, name: str) -> Result:
        self.session.checkpoint(name)
        return Result(f"%restore {name} comes back to here")

    def _restore(self, name: str) -> Result:
        try:
            taken_back = self._take_back(lambda: self.session.restore(name))
        except KeyError:
            names = ", ".join(self.session.checkpoints)
            there = f"there are {names}" if names else "%checkpoint NAME makes one"
            raise CommandError(f"{name}: no such checkpoint; {there}") from None
        return Result(_list(f"took back {count(len(taken_back))}", taken_back))

    def _checkpoints(self) -> Result:
        names = "\n".join(self.session.checkpoints)
        return Result(names or "no checkpoints; %checkpoint NAME makes one")

    def _take_back(self, go: Callable[[], int]) -> tuple[str, ...]:
        before = self.session.inputs
        go()
        taken_back = before[len(self.session.inputs) :]
        self._undone = taken_back or self._undone
        return taken_back

    # ---- the session

    def _restart(self) -> Result:
        ended = self.close()
        self._undone = ()
        self._lost = self.session.inputs
        self.session = self._start()
        return Result("a fresh session", outcomes=ended.outcomes)

    def _quit(self) -> Result:
        return self.close()

    def _help(self, name: str | None = None) -> Result:
        if name:
            command = _find(name.lstrip("%"))
            return Result(f"{command.usage}\n  {command.help}")
        width = max(len(each.usage) for each in TABLE.values())
        lines = [f"{each.usage:{width}}  {each.help}" for each in TABLE.values()]
        lines.append(f"{'?NAME':{width}}  a declaration and its documentation")
        return Result("\n".join(lines))


def _find(name: str) -> Command:
    if name in TABLE:
        return TABLE[name]
    near = difflib.get_close_matches(name, TABLE, 1)
    hint = f"did you mean %{near[0]}? " if near else ""
    raise CommandError(f"no such command; {hint}%help lists them")


def _takes_code(line: str) -> bool:
    name = split(line)[0]
    return line.startswith("%") and name in TABLE and TABLE[name].takes_code


def _both(first: Result, second: Result) -> Result:
    text = "\n".join(each.text for each in (first, second) if each.text)
    return Result(text, second.is_ok, first.outcomes + second.outcomes, second.is_over)


def _list(title: str, inputs: tuple[str, ...]) -> str:
    return "\n".join([title + (":" if inputs else ""), *(f"  {brief(each)}" for each in inputs)])


_COMMANDS = (
    Command("help", "[COMMAND]", "the commands, or one of them", Commands._help),
    Command(
        "undo", "[N]", f"take back the last N inputs (1; up to {STEPS}, or all)", Commands._undo
    ),
    Command("redo", "", "run again what the last %undo or %restore took back", Commands._redo),
    Command("replay", "", "run again what a crash or %restart has lost", Commands._replay),
    Command("checkpoint", "NAME", "name the present state", Commands._checkpoint),
    Command("restore", "NAME", "go back to a named state", Commands._restore),
    Command("checkpoints", "", "the named states", Commands._checkpoints),
    Command("history", "", "the inputs whose effects are there", Commands._history),
    Command("who", "", "what inputs have declared, with types and values", Commands._who),
    Command("type", "EXPRESSION", "an expression's type, without evaluating it", Commands._type),
    Command("asm", "[-O2] FUNCTION", "assembly of a function, or input by number", Commands._asm),
    Command("ir", "[-O2] FUNCTION", "LLVM's IR of the same; -O0 is what runs", Commands._ir),
    Command("lib", "LIBRARY", "link with a library: X as in -lX, or a file", Commands._lib),
    Command("pkg", "PACKAGE", "headers and libraries that pkg-config knows", Commands._pkg),
    Command("load", "FILE", "run a file as one input, a saved one as it was", Commands._load),
    Command("save", "FILE", "write the inputs whose effects are there", Commands._save),
    Command("time", "CODE", "run an input, tell its wall time with compiling", Commands._time),
    Command("timeit", "CODE", "repeat code, tell its median time; no effects", Commands._timeit),
    Command("restart", "", "a fresh session: everything is gone", Commands._restart),
    Command("quit", "", "end the session", Commands._quit),
)

TABLE = {each.name: each for each in _COMMANDS}
"""All commands by name, in the order in which %help lists them."""
