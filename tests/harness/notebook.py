"""A Jupyter kernel under test, and a frontend that runs cells and collects what comes back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel
from typer.testing import CliRunner

from halojit.cli.halo import app

LIMIT_S = 60.0


@contextmanager
def installed_kernels(prefix: Path) -> Iterator[None]:
    """`halo kernel install`, found by Jupyter for as long as this lasts."""
    result = CliRunner().invoke(app, ["kernel", "install", f"--prefix={prefix}"])
    assert result.exit_code == 0, result.output
    added = {"JUPYTER_PATH": str(prefix / "share/jupyter"), "IPYTHONDIR": str(prefix / "ipython")}
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@dataclass
class Reply:
    """What came of a cell: its reply's content and, in their order, its messages' contents."""

    content: dict[str, Any]
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def stream(self, name: str) -> str:
        """What was printed there."""
        return "".join(
            each["text"]
            for kind, each in self.messages
            if kind == "stream" and each["name"] == name
        )

    @property
    def values(self) -> list[str]:
        """What was shown."""
        return [
            each["data"]["text/plain"] for kind, each in self.messages if kind == "execute_result"
        ]


class Frontend:
    """One kernel and a client of it."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client

    def run(
        self,
        code: str,
        answers: list[str | None] | None = None,
        on_text: Callable[[str], None] | None = None,
        wanted: dict[str, str] | None = None,
    ) -> Reply:
        """Runs a cell until its kernel is idle again: a cell sent right after the reply of one that
        failed may still be aborted with its queue. `answers`: of somebody at the frontend, each a
        line, or None for an interrupt; None: nobody is there. `on_text`: called with all of
        standard output so far whenever there is more. `wanted`: Jupyter's `user_expressions`."""
        answers_left = iter(answers or ())
        messages: list[tuple[str, dict[str, Any]]] = []
        printed = ""

        def collect(message: dict[str, Any]) -> None:
            nonlocal printed
            kind, content = message["header"]["msg_type"], message["content"]
            if kind not in ("status", "execute_input"):
                messages.append((kind, content))
            if kind == "stream" and content["name"] == "stdout" and on_text:
                printed += content["text"]
                on_text(printed)

        def answer(request: dict[str, Any]) -> None:
            messages.append(("input_request", request["content"]))
            if (line := next(answers_left)) is None:
                self.manager.interrupt_kernel()
            else:
                self.client.input(line)

        reply = self.client.execute_interactive(
            code,
            timeout=LIMIT_S,
            allow_stdin=answers is not None,
            user_expressions=wanted,
            output_hook=collect,
            stdin_hook=answer,
        )
        return Reply(reply["content"], messages)


@contextmanager
def frontend(kernel: str = "halo-cpp20") -> Iterator[Frontend]:
    """A kernel that runs."""
    manager, client = start_new_kernel(kernel_name=kernel, startup_timeout=LIMIT_S)
    try:
        yield Frontend(manager, client)
    finally:
        client.stop_channels()
        if manager.has_kernel:
            manager.shutdown_kernel()
