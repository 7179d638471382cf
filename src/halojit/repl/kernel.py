"""The Jupyter kernel: cells of C++ or C, each an input of a session.

In: Jupyter's requests. Out: what cells print while they run, their values, faults, and replies.

The session waits while an input runs, so it lives on a thread of its own: all calls of it but
`interrupt` are made there. Everything that is sent is sent from the event loop. A reply is sent
once the cell is kept, which also flushes what it left in stdio's buffers: so all that a cell has
printed comes before its reply, and a cell that was answered with "ok" is not lost later.

A cell that reads standard input waits in a system call, which is how the kernel notices and asks
the frontend. Where the frontend has nobody to ask, standard input has ended.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from typing import Any, TypeVar

from ipykernel.kernelbase import Kernel
from IPython.core.error import StdinNotImplementedError
from traitlets import Unicode

from halojit.repl.bundle import bundle
from halojit.repl.command import Result
from halojit.repl.commands import Commands
from halojit.repl.fault import Fault, fault
from halojit.repl.language import language, name_at
from halojit.repl.outcome import Form
from halojit.repl.session import Session, SessionError
from halojit.repl.settled import SettledSession
from halojit.repl.streams import Input, Output, can_see_waiting

# Between two messages of a stream: Jupyter's servers drop output beyond 1,000 messages a second.
STREAM_PAUSE_S = 0.02
# How often it is looked whether a cell waits for input: the longer it runs, the rarer.
FIRST_LOOK_S, LAST_LOOK_S = 0.01, 0.1
INDENT = "    "

T = TypeVar("T")


class HaloKernel(Kernel):
    """One session and its pipes. `standard`: "c++17", "c++20", "c++23" or "c"."""

    implementation = "halo"
    implementation_version = version("halojit")

    standard = Unicode("c++20", help="c++17, c++20, c++23 or c").tag(config=True)

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.language_info = language(self.standard)
        self.banner = f"Halo: interactive {self.standard.upper()} whose crashes cost nothing"
        self._stdin = Input()
        self._outputs = (Output("stdout"), Output("stderr"))
        self._thread = ThreadPoolExecutor(1, "session")
        self._door: Commands | None = None
        self._cpp: SettledSession | None = None
        self._is_asking = self._is_forwarding = False
        self._cell: dict[str, Any] = {}  # the request that output belongs to
        self._is_silent = False
        # Starting takes a moment, which passes while the frontend asks what this kernel is.
        self._thread.submit(self._start_early)

    # ---- cells

    async def do_execute(
        self,
        code: str,
        silent: bool,
        store_history: bool = True,
        user_expressions: dict[str, str] | None = None,
        allow_stdin: bool = False,
        *,
        cell_meta: dict[str, Any] | None = None,
        cell_id: str | None = None,
    ) -> dict[str, Any]:
        """Runs a cell."""
        self._cell, self._is_silent = self.get_parent("shell"), silent
        self._allow_stdin = allow_stdin
        self._forward()
        try:
            result = await self._take(code)
            is_over, problem = result.is_over, fault(result)
        except SessionError as error:
            text = f"{error}; the next cell begins a new session, without variables"
            is_over, problem = True, Fault("SessionError", str(error), (text,))
        if is_over:
            await self._call(self._end)
        self._publish_printed()
        reply: dict[str, Any] = {"execution_count": self.execution_count}
        if problem is None:
            ask_exit = [{"source": "ask_exit", "keepkernel": False}] if is_over else []
            values = {} if is_over else await self._values(user_expressions or {})
            return reply | {"status": "ok", "payload": ask_exit, "user_expressions": values}
        self._publish("error", problem.content())
        return reply | {"status": "error"} | problem.content()

    async def _take(self, code: str) -> Result:
        """Runs a cell and publishes what it prints and shows. Raises SessionError."""
        is_answered = self._allow_stdin and can_see_waiting()
        if not is_answered:
            self._stdin.end()
        running = asyncio.ensure_future(self._call(lambda: self._commands().take(code)))
        pause_s = FIRST_LOOK_S
        while not running.done():
            await asyncio.wait({running}, timeout=pause_s if is_answered else None)
            pause_s = min(LAST_LOOK_S, 1.1 * pause_s)
            if is_answered and not running.done() and self._stdin.is_awaited():
                self._ask()
                pause_s = FIRST_LOOK_S
        self._stdin.begin()
        self._publish_printed()
        result = running.result()
        if not result.is_ok:
            self._stdin.forget()  # it was typed for what was taken back
        for outcome in result.outcomes:
            self._publish_stream("stderr", outcome.diagnostics)
            if outcome.value:
                self._publish(
                    "execute_result",
                    {"execution_count": self.execution_count, **bundle(outcome.value)},
                )
        if result.text and (result.is_ok or result.outcomes):
            self._publish_stream("stdout", f"{result.text}\n")
        return result

    async def _values(self, expressions: dict[str, str]) -> dict[str, Any]:
        """What a frontend wants to know beside a cell. Effects are refused."""
        found: dict[str, Any] = {}
        for name, expression in expressions.items():
            outcome = await self._call(lambda text: self._commands().session.look(text), expression)
            if outcome.value and not outcome.exception:
                found[name] = {"status": "ok", **bundle(outcome.value)}
            else:
                problem = fault(Result(outcomes=(outcome,), is_ok=False))
                found[name] = {"status": "error", **(problem.content() if problem else {})}
        return found

    def _ask(self) -> None:
        """Of the frontend: a line. The event loop waits for it, the session's thread does not."""
        self._publish_printed()
        try:
            self._is_asking = True
            line = self.raw_input()
            self._is_asking = False
            self._stdin.write(line + "\n")
        except (EOFError, StdinNotImplementedError):
            self._stdin.end()
        except KeyboardInterrupt:
            self._is_asking = False
            self._on_interrupt()
        finally:
            self._is_asking = False

    # ---- the session's thread

    async def _call(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, partial(function, *arguments)
        )

    def _commands(self) -> Commands:
        if self._door is None:
            self._door = Commands(self._start(), self._start)
        return self._door

    def _start(self) -> Session:
        flags = ("-xc",) if self.standard == "c" else (f"-std={self.standard}",)
        stdout, stderr = self._outputs
        self._cpp = SettledSession(
            flags, (self._stdin.theirs, stdout.theirs, stderr.theirs), form=Form.DISPLAY
        )
        return self._cpp

    def _start_early(self) -> None:
        try:
            self._commands()
        except SessionError as error:  # the first cell tells it
            self.log.error("%s", error)

    def _end(self) -> None:
        if self._door:
            self._door.close()
        self._door = self._cpp = None

    # ---- what cells print

    def _forward(self) -> None:
        """From now on, as it comes."""
        if self._is_forwarding:
            return
        self._is_forwarding = True
        for each in self._outputs:
            asyncio.get_running_loop().add_reader(each, self._publish_some, each)

    def _publish_some(self, output: Output) -> None:
        loop = asyncio.get_running_loop()
        self._publish_stream(output.name, output.read())
        loop.remove_reader(output)
        loop.call_later(STREAM_PAUSE_S, loop.add_reader, output, self._publish_some, output)

    def _publish_printed(self) -> None:
        for output in self._outputs:
            for text in output.read_all():
                self._publish_stream(output.name, text)

    def _publish_stream(self, name: str, text: str) -> None:
        if text:
            self._publish("stream", {"name": name, "text": text})

    def _publish(self, kind: str, content: dict[str, Any]) -> None:
        if self.session and not self._is_silent:
            # Not send_response: what threads of a cell print comes when no request is handled.
            self.session.send(
                self.iopub_socket, kind, content, parent=self._cell, ident=self._topic(kind)
            )

    # ---- questions

    async def do_complete(self, code: str, cursor_pos: int) -> dict[str, Any]:
        """What may stand at the cursor."""
        found = await self._call(lambda: self._commands().complete(code, cursor_pos))
        types = [
            {
                "start": found.start,
                "end": cursor_pos,
                "text": each.text,
                "type": each.kind,
                "signature": each.signature,
            }
            for each in found.items
        ]
        return {
            "status": "ok",
            "matches": [each.text for each in found.items],
            "cursor_start": found.start,
            "cursor_end": cursor_pos,
            "metadata": {"_jupyter_types_experimental": types},
        }

    async def do_inspect(
        self, code: str, cursor_pos: int, detail_level: int = 0, omit_sections: Any = ()
    ) -> dict[str, Any]:
        """The declaration of the name at the cursor."""
        name = name_at(code, cursor_pos)
        text = await self._call(lambda: self._commands().session.describe(name)) if name else None
        data = {"text/plain": text} if text else {}
        return {"status": "ok", "found": bool(text), "data": data, "metadata": {}}

    async def do_is_complete(self, code: str) -> dict[str, Any]:
        """Whether Enter ends the input."""
        state, depth = await self._call(lambda: self._commands().is_complete(code))
        indent = {"indent": INDENT * depth} if state == "incomplete" else {}
        return {"status": state} | indent

    # ---- from start to end

    def start(self) -> None:
        """Serves from now on."""
        super().start()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._on_interrupt)

    def pre_handler_hook(self) -> None:
        """Ours stays: an exception in the event loop would end it and not the cell."""

    def post_handler_hook(self) -> None:
        """As above."""

    def _on_interrupt(self, *_: object) -> None:
        if self._is_asking:
            raise KeyboardInterrupt
        if self._cpp:
            self._cpp.interrupt_input()

    async def do_shutdown(self, restart: bool) -> dict[str, Any]:
        """Ends the session; a cell that runs is interrupted. On the control channel's thread."""
        # In the main thread: it may wait for the frontend's answer.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        await self._call(self._end)
        return {"status": "ok", "restart": restart}
