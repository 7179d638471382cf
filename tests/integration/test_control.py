"""halo freeze, unfreeze, stop, resume and status, with real servers and programs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from harness.entry import Entry
from harness.run import Outcome, environment, run
from harness.server import Server
from harness.tools import Tools

from halojit.server.server import STRATEGIES

LONG_MS = "600000"


class Steered:
    """A server, programs that it tunes, and `halo`."""

    def __init__(self, tools: Tools, directory: Path, *options: str) -> None:
        self._halo = tools.halo
        self.server = Server(tools, directory, *options)
        self.children: list[subprocess.Popen[bytes]] = []

    def start(self, *command: Path | str, variables: dict[str, str] | None = None) -> int:
        child = subprocess.Popen(
            command,
            env=environment(self.server.address | (variables or {})),
            stdout=subprocess.DEVNULL,
        )
        self.children.append(child)
        return child.pid

    def halo(self, *command: str) -> Outcome:
        return run([self._halo, *command, "--socket", self.server.socket])

    def told(self, *command: str) -> str:
        outcome = self.halo(*command)
        assert outcome.status == 0, outcome.stderr
        return outcome.stdout.decode()

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.told("status", "--json")))

    def end(self) -> None:
        for child in self.children:
            child.kill()
            child.wait()
        assert self.server.stop() == 0


@contextlib.contextmanager
def steered(tools: Tools, directory: Path, *options: str) -> Iterator[Steered]:
    one = Steered(tools, directory, *options)
    try:
        yield one
    finally:
        one.end()


def entry(pid: int, hot: Path) -> Entry:
    return Entry(pid, hot, "mix")


@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name != "off"])
def test_stop_restores_and_resume_tunes_again(
    tools: Tools, hot: Path, tmp_path: Path, strategy: str
) -> None:
    with steered(tools, tmp_path, "--strategy", strategy) as one:
        pid = one.start(hot, LONG_MS)
        one.server.wait_for("connected: ")
        mix = entry(pid, hot)
        mix.wait_original(False)
        said = one.told("stop")
        assert mix.is_original
        assert "in 1 processes" in said
        one.server.wait_for("stopped: ")
        # It is watched for longer than the strategy needs for its next step.
        with pytest.raises(AssertionError, match="stays True"):
            mix.wait_original(False, limit_s=2.0)
        status = one.status()
        assert status["is_stopped"]
        assert status["processes"][0]["doing"] == "stopped: the originals run"
        one.told("resume")
        mix.wait_original(False)
        assert not one.status()["is_stopped"]


def test_what_connects_while_stopped_is_left_alone(tools: Tools, hot: Path, tmp_path: Path) -> None:
    with steered(tools, tmp_path, "--strategy", "stress") as one:
        assert "0 patched entries in 0 processes" in one.told("stop")
        pid = one.start(hot, LONG_MS)
        one.server.wait_for("stopped: 0 patched entries")
        with pytest.raises(AssertionError, match="stays True"):
            entry(pid, hot).wait_original(False, limit_s=1.5)
        one.told("resume")
        entry(pid, hot).wait_original(False)


def test_freeze_keeps_what_is_deployed(tools: Tools, hot: Path, tmp_path: Path) -> None:
    with steered(tools, tmp_path, "--strategy", "once") as one:
        first = one.start(hot, LONG_MS)
        one.server.wait_for("mix: O3 for this processor instead of the original: .*")
        is_original = entry(first, hot).is_original
        one.told("freeze")
        one.server.wait_for("frozen: ")
        second = one.start(hot, LONG_MS)
        one.server.wait_for("sampling by", count=2)
        with pytest.raises(AssertionError, match="stays True"):
            entry(second, hot).wait_original(False, limit_s=2.0)
        assert entry(first, hot).is_original == is_original
        assert one.status()["is_frozen"]
        one.told("unfreeze")
        one.server.wait_for("mix: chosen", count=2)


def test_freeze_ends_a_running_trial(tools: Tools, hot: Path, tmp_path: Path) -> None:
    with steered(tools, tmp_path, "--budget", "100%") as one:
        one.start(hot, LONG_MS)
        one.server.wait_for("mix: patched")
        # A freeze may come between two trials.
        for _ in range(20):
            one.told("freeze")
            one.told("unfreeze")
            if re.search("instead of .*frozen", one.server.log):
                return
        one.server.wait_for("instead of .*frozen")


def test_stress_holds_still_while_frozen(tools: Tools, hot: Path, tmp_path: Path) -> None:
    with steered(tools, tmp_path, "--strategy", "stress") as one:
        pid = one.start(hot, LONG_MS)
        one.server.wait_for("connected: ")
        mix = entry(pid, hot)
        mix.wait_original(False)
        one.told("freeze")
        is_original = mix.is_original
        with pytest.raises(AssertionError, match="stays"):
            mix.wait_original(not is_original, limit_s=1.0)
        one.told("unfreeze")
        mix.wait_original(not is_original)


def test_twenty_processes_are_restored_at_once(tools: Tools, hot: Path, tmp_path: Path) -> None:
    with steered(tools, tmp_path, "--strategy", "stress") as one:
        pids = [one.start(hot, LONG_MS) for _ in range(20)]
        one.server.wait_for("connected: ", count=20)
        entries = [entry(pid, hot) for pid in pids]
        for mix in entries:
            mix.wait_original(False)
        said = one.told("stop")
        assert "in 20 processes" in said
        assert all(mix.is_original for mix in entries)


def test_a_suspended_process_is_named_and_restored_when_it_runs(
    tools: Tools, hot: Path, tmp_path: Path
) -> None:
    with steered(tools, tmp_path, "--strategy", "stress") as one:
        pid = one.start(hot, LONG_MS)
        one.server.wait_for("connected: ")
        mix = entry(pid, hot)
        mix.wait_original(False)
        os.kill(pid, signal.SIGSTOP)
        outcome = one.halo("stop")
        assert outcome.status == 1
        assert f"no answer yet from hot[{pid}]" in outcome.stderr
        os.kill(pid, signal.SIGCONT)
        one.server.wait_for("stopped: ")
        assert mix.is_original


def test_status_names_regions_and_gains(tools: Tools, hot: Path, tmp_path: Path) -> None:
    with steered(tools, tmp_path) as one:
        assert "0 processes" in one.told("status")
        pid = one.start(hot, LONG_MS)
        one.server.wait_for("mix: O3 for this processor instead of the original: ")
        (process,) = one.status()["processes"]
        assert process["pid"] == pid
        assert process["regions"][0]["name"] == "mix"
        assert process["regions"][0]["trials"] >= 1
        said = one.told("status")
        assert f"hot[{pid}]" in said
        assert "mix" in said


def test_no_server(tools: Tools, tmp_path: Path) -> None:
    outcome = run([tools.halo, "stop", "--socket", tmp_path / "none.sock"])
    assert outcome.status == 1
    assert outcome.stderr.startswith(f"halo: no server listens at {tmp_path}/none.sock")
    assert outcome.stderr.count("\n") == 1


def exchange(path: Path, pieces: Sequence[bytes]) -> list[dict[str, Any]]:
    """What the control says until it hangs up, or until we do."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(60)
        sock.connect(str(path))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                sock.sendall(piece)
        with contextlib.suppress(ConnectionResetError):
            sock.shutdown(socket.SHUT_WR)
            said = b""
            while piece := sock.recv(65536):
                said += piece
            return [json.loads(line) for line in said.splitlines()]
    return []


@pytest.mark.parametrize(
    ("pieces", "errors"),
    [
        ([b"\x00\xff" * 100 + b"\n" + b"more\n" * 50], 1),
        ([b"x" * 5000], 1),
        ([b"[" * 4000 + b"\n"], 1),
        ([b'{"command": 7}\n'], 1),
        ([b'"status"\n'], 1),
        ([b'{"command": "destroy"}\n'], 1),
        ([b'{"command": "sta'], 0),
        ([b""], 0),
    ],
)
def test_garbage_gets_one_error_and_the_server_goes_on(
    shared: Steered, pieces: list[bytes], errors: int
) -> None:
    path = shared.server.socket.with_name("server.sock.control")
    answers = exchange(path, pieces)
    assert len(answers) == errors
    assert not any(answer["ok"] for answer in answers)
    assert exchange(path, [b'{"command": "status"}\n'])[0]["ok"]


def test_a_megabyte_without_a_line_does_not_disturb(shared: Steered) -> None:
    path = shared.server.socket.with_name("server.sock.control")
    exchange(path, [b"x" * 65536] * 16)
    assert shared.status()["ok"]


def test_many_half_open_connections(shared: Steered) -> None:
    path = shared.server.socket.with_name("server.sock.control")
    idle = []
    for _ in range(32):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(path))
        idle.append(sock)
    try:
        refused = shared.halo("status")
        assert refused.status == 1
        assert "more than 32 connections" in refused.stderr
    finally:
        for sock in idle:
            sock.close()
    shared.server.wait_for("control: more than 32 connections")
    assert shared.status()["ok"]


def test_several_requests_on_one_connection(shared: Steered) -> None:
    path = shared.server.socket.with_name("server.sock.control")
    requests = [b'{"command": "freeze"}\n{"command": "status"}\n', b'{"command": "unfreeze"}\n']
    answers = exchange(path, requests)
    assert [answer["ok"] for answer in answers] == [True] * 3
    assert answers[1]["is_frozen"]


@pytest.fixture(scope="module")
def shared(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steered]:
    with steered(tools, tmp_path_factory.mktemp("control"), "--strategy", "off") as one:
        yield one


def test_the_socket_is_private_and_goes_with_the_server(tools: Tools, tmp_path: Path) -> None:
    with steered(tools, tmp_path) as one:
        path = one.server.socket.with_name("server.sock.control")
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()
