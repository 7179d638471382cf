"""Interpreter: a session of interactive C++ as a Python object.

In: source text, Python values. Out: Python values, and exceptions (halojit.api.errors). C++ runs in
a process of its own: a crash is an exception, after which everything is as it was before.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self, TypeVar

from halojit.api.errors import CompileWarning, raise_failure, translated
from halojit.api.function import Function
from halojit.api.packing import Packer
from halojit.api.shapes import Shape, ShapeError, brief, enumerations, natural
from halojit.api.turns import Turns
from halojit.api.unpacking import code, points_into_bytes
from halojit.api.values import decode
from halojit.repl.outcome import Form, Outcome
from halojit.repl.session import Session
from halojit.repl.wording import message

T = TypeVar("T")


class Interpreter:
    """Interactive C++, in processes of its own that end with `close` or the `with` block.

    `standard`: "c++17", "c++20", "c++23"; `flags`: more for clang, as "-I/some/where". What C++
    prints goes where this process's standard output and error go. Threads may share it: what one
    does waits for what another does.

    Everything that changes something is an *input*, which has all of its effects or none: a `run`,
    an assignment, a call of a function, an expression that has effects. Everything raises
    SessionError where no session can begin, or go on.
    """

    def __init__(self, standard: str = "c++20", flags: Sequence[str] = ()) -> None:
        if isinstance(flags, str):
            raise TypeError(f"flags: {flags!r} is a str; expected a list, as ['-DFOO=3']")
        with translated():
            self._session = Session((f"-std={standard}", *flags), form=Form.NODE)
        self._turns = Turns(self._session)
        self._functions = 0

    def run(self, source: str) -> Any:
        """Runs an input: declarations, statements, or both.

        Returns what a trailing expression without a semicolon is (see `__getitem__`), else None.
        Raises CppError, CompileError, LinkError, CrashError; KeyboardInterrupt for Ctrl-C. Warnings
        of clang are CompileWarnings.
        """
        _check_text(source)
        with self._turns.turn():
            return self._do(lambda: self._session.run(source))

    def __getitem__(self, expression: str) -> Any:
        """The value of an expression, most often a name, as a copy.

        Numbers, characters and strings are int, float, complex, bool and str; bytes of a string
        that are no UTF-8 are kept as surrogates. Enumerators are Enumerator, pointers Pointer (both
        are int), a null `const char *` and an empty optional None. Arrays of numbers, std::vector,
        std::array and std::span of numbers are NumPy arrays (lists without NumPy); other ranges
        lists; maps dict; pairs and tuples tuple; aggregates dict of their fields. What else there
        is, is Opaque. long double becomes a double. Errors as of `run`.
        """
        _check_text(expression)
        with self._turns.turn():
            return self._do(lambda: self._session.run(expression))

    def __contains__(self, name: str) -> bool:
        """Whether inputs have declared a name, in no namespace."""
        _check_text(name)
        with self._turns.turn():
            declared = self._ask(self._session.declared)
        return any(each.name == name for each in declared)

    __iter__ = None  # Python would ask for cpp[0], cpp[1] and so on

    def __setitem__(self, name: str, value: Any) -> None:
        """Assigns to a variable, or to anything that can be assigned to.

        A name that is not declared becomes a variable: bool, int (long long and unsigned long long
        where it needs that), double, std::complex<double>, std::string, std::vector of a list's or
        array's elements (an array of more dimensions is one in C++). Raises TypeError,
        OverflowError or ValueError where the value does not fit the type; else as `run`.
        """
        _check_text(name)
        with self._turns.turn():
            headers: tuple[str, ...] = ()
            declaration = ""
            shape = self._shape(f"decltype({name})")
            if shape is None and name.isidentifier():
                shape, headers = natural(value, name)
                self._tell_integers(shape)
                declaration = f"__halo::same<{shape['type']}> {name}{{}};\n"
            if shape is None:
                self._do(lambda: self._session.run(f"(void)({name});"))  # says why
                raise ShapeError(f"{name}: is nothing that can be assigned to")
            packer = Packer()
            packer.add(shape, value, name)
            keep = "__halo_in.keep(); " if points_into_bytes(shape) else ""
            source = (
                "".join(f"#include <{each}>\n" for each in headers)
                + f"{declaration}{{ __halo::taken __halo_in; auto &__halo_it = {name}; "
                + f"{code(shape, '__halo_it')} {keep}__halo_in.tell_cut(); }}"
            )
            cut = self._do(lambda: self._session.run(source, bytes(packer.bytes)))
            if cut is not None:
                self._session.take_back()
                Packer(cut).add(shape, value, name)
                # An iterator has ended meanwhile.
                raise OverflowError(f"{name}: a number is beyond a bit-field")

    def function(self, type: str, name: str) -> Function:
        """A function of C++ to be called from Python: `function("double(double)", "f")`.

        It is an input. `name`: whatever can be called like one, as "std::hypot" or a variable with
        a lambda. Where a function is defined again, the new one is called; a variable that is
        defined again is another one, for which to ask anew. Arguments are converted as by
        `__setitem__`, results as by `__getitem__`. Where a pointer to numbers and its size follow
        one another, one array or list may be given for both; what a function writes through a
        `double *` or a std::span<double> is copied back into a NumPy array, which must be of this
        type. Raises TypeError where `type` is none of a function, or takes what Python has not.
        """
        _check_text(type)
        _check_text(name)
        with self._turns.turn():
            self._functions += 1
            return Function(self, self._session, type, name, self._functions)

    def undo(self, count: int = 1) -> int:
        """Takes back the last inputs, values and all. How many: fewer where there are no more.

        Raises StateError, as `checkpoint`, where threads of inputs keep states from being kept.
        """
        with self._turns.turn():
            return self._session.undo(count)

    def checkpoint(self, name: str) -> None:
        """Names the present state, for `restore`."""
        with self._turns.turn():
            self._session.checkpoint(name)

    def restore(self, name: str) -> int:
        """Goes back to a named state; how many inputs that takes back. Raises KeyError."""
        with self._turns.turn():
            return self._session.restore(name)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The inputs whose effects are there, in their order."""
        with self._turns.turn():
            return self._session.inputs

    def close(self) -> None:
        """Ends the session and its processes: static objects are destroyed. Where that fails, there
        is a RuntimeWarning. Nothing in a process that was forked."""
        if not self._turns.is_ours:
            return
        with self._turns.turn():
            sys.stdout.flush()
            failed = self._session.close()
        if failed:
            warnings.warn(message(failed, is_end=True), RuntimeWarning, stacklevel=2)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do(self, work: Callable[[], Outcome]) -> Any:
        """What an input is, if it is a success. Only in a turn."""
        sys.stdout.flush()  # C++ writes to the same place
        outcome = work()
        if self._turns.is_interrupted:
            self._session.take_back()
            raise KeyboardInterrupt
        if outcome.is_kept and outcome.diagnostics:
            warnings.warn(outcome.diagnostics, CompileWarning, stacklevel=3)
        raise_failure(outcome)
        return decode(outcome.value.node, self._is_unsigned) if outcome.value else None

    def _shape(self, type: str) -> Shape | None:
        """As of a session, where enumerations have the shape of their integers as `of`, or None if
        they have no name. Only in a turn."""
        shape = self._ask(lambda: self._session.shape(type))
        if shape:
            self._tell_integers(shape)
        return shape

    def _tell_integers(self, shape: Shape) -> None:
        for each in enumerations(shape):
            each["of"] = self._ask(partial(self._session.shape, _integer_of(each["type"])))

    def _is_unsigned(self, enumeration: str) -> bool:
        shape = self._session.shape(_integer_of(enumeration))
        return shape is not None and shape["code"] == "u"

    def _ask(self, question: Callable[[], T]) -> T:
        """The answer to a question of the session's. Only in a turn."""
        if lost := self._session.lost():
            raise_failure(lost)
        answer = question()
        if self._turns.is_interrupted:  # there was none
            raise KeyboardInterrupt
        return answer


def _integer_of(enumeration: str) -> str:
    return f"__halo::integer_of<{enumeration}>"


def _check_text(source: object) -> None:
    if not isinstance(source, str):
        raise TypeError(f"{brief(source)} is no str; expected C++, as 'x + 1'")
