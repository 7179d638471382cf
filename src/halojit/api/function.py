"""A function of C++ that Python calls.

In: Python values as arguments. Out: its result. It is compiled once, into a function without
parameters that takes its arguments as bytes; a call sends bytes and compiles nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from halojit.api.packing import Packer, number_type
from halojit.api.shapes import Shape
from halojit.api.unpacking import code
from halojit.api.values import numpy
from halojit.repl.outcome import Outcome, Reason
from halojit.repl.session import Session

if TYPE_CHECKING:
    from halojit.api.interpreter import Interpreter


class Function:
    """Made by `Interpreter.function`. `type`: as "double(double)"; `name`: what it calls."""

    def __init__(
        self, interpreter: Interpreter, session: Session, type: str, name: str, number: int
    ) -> None:
        self.type = type
        self.name = name
        self._interpreter = interpreter
        self._session = session
        self._symbol = f"__halo_function_{number}"
        shape = interpreter._shape(type)
        if shape is None or shape["kind"] != "function":
            raise TypeError(f"{type}: is no type of a function here; expected as double(double)")
        self._parameters: list[Shape] = shape["parameters"]
        self._source = _source(self._symbol, name, self._parameters, shape["returns"])
        self._make()

    def __repr__(self) -> str:
        return f"<{self.name}: {self.type}>"

    def __call__(self, *arguments: Any) -> Any:
        """Calls it, as an input of its own. Raises what `Interpreter.run` and assignments do."""
        values = self._with_sizes(arguments)
        data = self._pack(Packer(), values)
        with self._interpreter._turns.turn():
            found = self._interpreter._do(lambda: self._call(data, arguments))
            if not isinstance(found, tuple):  # nothing was called
                self._session.take_back()
                self._pack(Packer(cut=found), values)
                # An iterator has ended meanwhile.
                raise OverflowError(f"{self.name}: a number is beyond a bit-field")
        result, *changed = found
        written = [
            value for shape, value in zip(self._parameters, values, strict=True) if _writes(shape)
        ]
        for array, now in zip(written, changed, strict=True):
            if hasattr(array, "__array__") and len(now):
                array[...] = now
        return result

    def _pack(self, packer: Packer, values: list[Any]) -> bytes:
        for at, (shape, value) in enumerate(zip(self._parameters, values, strict=True)):
            name = f"{self.name}: argument {at + 1}"
            if _writes(shape):
                _check_takes_back(shape, value, name)
            packer.add(shape, value, name)
        return bytes(packer.bytes)

    def _call(self, data: bytes, arguments: tuple[Any, ...]) -> Outcome:
        source = f"{self.name}({', '.join(map(_brief, arguments))});"
        outcome = self._session.call(self._symbol, data, source)
        if outcome.failure and outcome.failure.reason is Reason.LINK:  # %undo took it back
            self._make()
            outcome = self._session.call(self._symbol, data, source)
        return outcome

    def _make(self) -> None:
        self._interpreter._do(lambda: self._session.run(self._source))

    def _with_sizes(self, arguments: tuple[Any, ...]) -> list[Any]:
        """With those that may be left out: of a size that follows a pointer to numbers."""
        kinds = self._parameters
        filled = [
            at
            for at in range(1, len(kinds))
            if "to" in kinds[at - 1] and kinds[at].get("code") in ("i", "u")
        ]
        if len(arguments) == len(kinds):
            return list(arguments)
        if len(arguments) != len(kinds) - len(filled):
            wanted = f"{len(kinds) - len(filled)} or {len(kinds)}" if filled else str(len(kinds))
            raise TypeError(f"{self.name}: {len(arguments)} arguments; {self.type} takes {wanted}")
        values: list[Any] = []
        left = iter(arguments)
        for at in range(len(kinds)):
            values.append(len(values[-1]) if at in filled else next(left))
        return values


def _writes(shape: Shape) -> bool:
    """Whether a function may change what is behind the argument."""
    return (shape["kind"] == "span" or "to" in shape) and not shape["const"]


def _check_takes_back(shape: Shape, value: Any, name: str) -> None:
    """Whether an array can have what C++ writes, as it is. Raises TypeError, ValueError."""
    np = numpy()
    if not np or not hasattr(value, "__array__"):
        return
    found, wanted = np.asarray(value).dtype, number_type(np, shape.get("to") or shape["of"])
    if found != wanted:
        raise TypeError(
            f"{name}: {shape['type']} writes {wanted}, which an array of {found} would cut; "
            f"give it one made by a.astype({str(wanted)!r})"
        )
    if isinstance(value, np.ndarray) and not value.flags.writeable:
        raise ValueError(f"{name}: {shape['type']} writes into a read-only array; give it a.copy()")


def _source(symbol: str, name: str, parameters: list[Shape], returns: Shape) -> str:
    lines = ["__halo::taken __halo_in;"]
    for at, shape in enumerate(parameters):
        lines += [
            f"__halo::size __halo_size{at} = 0;",
            f"__halo::same<{shape['type']}> __halo_{at}{{}};",
            code(shape, f"__halo_{at}", f"__halo_size{at}" if _writes(shape) else None),
        ]
    arguments = ", ".join(
        f"static_cast<{shape['pass']}>(__halo_{at})" for at, shape in enumerate(parameters)
    )
    written = [at for at, shape in enumerate(parameters) if _writes(shape)]
    lines.append("if (__halo_in.tell_cut()) return;")
    lines.append(f"__halo::given __halo_out({len(written)});")
    call = f"{name}({arguments})"
    if returns["kind"] == "void":
        lines.append(f"{call}; __halo_out.nothing();")
    else:
        lines.append(f"__halo_out.value(static_cast<{returns['pass']}>({call}));")
    for at in written:
        kind = parameters[at]["kind"]
        data = f"__halo_{at}.data()" if kind == "span" else f"__halo_{at}"
        lines.append(f"__halo_out.block({data}, __halo_size{at});")
    body = "\n  ".join(lines)
    return (
        f'extern "C" void {symbol}() {{ __halo_guard([] {{\n  {body}\n}}); }}\n'
        f"__halo::will_give<{returns['type']}>()"
    )


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else "..."
