"""What a person may tell a running server: freeze, unfreeze, stop, resume, status.

In: a listening Unix socket beside that of the programs, for the server's own user only. Requests
and answers are JSON, one a line:

    {"command": "stop"}  ->  {"ok": true, "processes": 2, "entries": 14, "took_s": 0.02, "late": []}
    {"command": "x"}     ->  {"ok": false, "error": "..."}

An answer that is an error is the last of its connection: whatever garbage comes, one error goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import time
from collections.abc import Iterable
from typing import Any

from halojit import peers
from halojit.server.conduct import Conduct
from halojit.server.ledger import Ledger, ProcessState, RegionState
from halojit.server.settings import Settings
from halojit.server.switch import Switch

log = logging.getLogger("halo")

REQUEST_BYTES = 4096
CONNECTIONS = 32
IDLE_S = 30.0
RESTORE_LIMIT_S = 5.0
"""A process that has not answered by then (it may be suspended) is named in the answer."""


class RefusedRequest(ValueError):
    """What is wrong with a request."""


class Control:
    """One control socket."""

    def __init__(
        self, settings: Settings, switch: Switch, ledger: Ledger, conducts: Iterable[Conduct]
    ) -> None:
        self._settings = settings
        self._switch = switch
        self._ledger = ledger
        self._conducts = conducts
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def listen(self, sock: socket.socket) -> None:
        """Answers from now on; the socket is the control's."""
        self._server = await asyncio.start_unix_server(
            self._connected, sock=sock, limit=REQUEST_BYTES
        )

    async def close(self) -> None:
        """Hangs up on everybody."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await self._converse(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # the peer is gone, or the server ends: nobody is left to tell
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            peers.check(writer.get_extra_info("socket"))
            if len(self._tasks) > CONNECTIONS:
                raise RefusedRequest(f"more than {CONNECTIONS} connections at once")
            while (request := await self._request(reader)) is not None:
                await _send(writer, {"ok": True, **await self._obey(request)})
        except (RefusedRequest, peers.StrangerError) as error:
            log.warning("control: %s", error)
            await _send(writer, {"ok": False, "error": str(error)})

    async def _request(self, reader: asyncio.StreamReader) -> str | None:
        """The next command; None when the peer has hung up. Raises RefusedRequest."""
        try:
            async with asyncio.timeout(IDLE_S):
                line = await reader.readline()
        except TimeoutError:
            raise RefusedRequest(f"nothing was said for {IDLE_S:g} s") from None
        except ValueError:
            raise RefusedRequest(f"a request has at most {REQUEST_BYTES} bytes") from None
        if not line.endswith(b"\n"):
            return None
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            said = None
        command = said.get("command") if isinstance(said, dict) else None
        if not isinstance(command, str):
            raise RefusedRequest('a request is a line such as {"command": "status"}')
        return command

    async def _obey(self, command: str) -> dict[str, Any]:
        match command:
            case "freeze" | "unfreeze":
                self._note(command)
                self._switch.freeze(command == "freeze")
                return {"processes": len(self._ledger.processes)}
            case "stop":
                self._note(command)
                return await self._stop()
            case "resume":
                self._note(command)
                self._switch.stop(False)
                return {"processes": len(self._ledger.processes)}
            case "status":
                return self._status()
        raise RefusedRequest(
            f"there is no command {command[:40]!r}, but freeze, unfreeze, stop, resume, status"
        )

    def _note(self, command: str) -> None:
        log.info("control: %s", command)

    async def _stop(self) -> dict[str, Any]:
        """Answers when every process has its originals back."""
        begin = time.monotonic()
        self._switch.stop(True)
        conducts = list(self._conducts)
        if conducts:
            restored = [asyncio.create_task(one.restored.wait()) for one in conducts]
            _, late = await asyncio.wait(restored, timeout=RESTORE_LIMIT_S)
            for task in late:
                task.cancel()
        return {
            "processes": len(conducts),
            "entries": sum(one.entries for one in conducts),
            "took_s": time.monotonic() - begin,
            "late": sorted(one.live.label for one in conducts if not one.restored.is_set()),
        }

    def _status(self) -> dict[str, Any]:
        return {
            "strategy": self._settings.strategy,
            "budget_share": self._settings.budget,
            "is_frozen": self._switch.is_frozen,
            "is_stopped": self._switch.is_stopped,
            "processes": [_process(one) for one in self._ledger.processes.values()],
        }


async def _send(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    writer.write(json.dumps(answer).encode() + b"\n")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(IDLE_S):
            await writer.drain()


def _process(state: ProcessState) -> dict[str, Any]:
    spent_s = state.cost.spent_s if state.cost else 0.0
    return {
        "pid": state.pid,
        "executable": state.executable,
        "doing": state.doing,
        "cpu_s": state.cpu_s,
        "spent_s": spent_s,
        "swaps": state.stress.swaps if state.stress else 0,
        "regions": [
            _region(region) for region in sorted(state.regions.values(), key=lambda one: -one.share)
        ],
    }


def _region(region: RegionState) -> dict[str, Any]:
    return {
        "root": region.root,
        "name": region.name,
        "share": region.share,
        "recipe": region.recipe,
        "is_kept": region.is_kept,
        "speedup": region.speedup,
        "speedup_low": region.low,
        "speedup_high": region.high,
        "trials": region.trials,
        "doing": region.doing,
        "note": region.note,
    }
