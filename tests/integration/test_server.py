"""`haloserver` as a command: sockets, settings, signals, and peers that misbehave or die."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from harness.run import environment, run
from harness.tools import Tools

LIMIT_S = 60.0
"""A server that lives longer is killed, which ends every wait for its log."""


class Serving:
    """A running haloserver on a socket of its own; its log is read line by line."""

    def __init__(self, tools: Tools, directory: Path, *options: str, **extra: str) -> None:
        self.socket = directory / "own" / "server.sock"
        self.process = subprocess.Popen(
            [tools.haloserver, "--socket", self.socket, "--listen", "none", *options],
            stderr=subprocess.PIPE,
            text=True,
            env=environment(extra),
        )
        self._limit = threading.Timer(LIMIT_S, self.process.kill)
        self._limit.start()
        self.lines: list[str] = []
        self.hello = self.wait_for("listening at")

    @property
    def address(self) -> dict[str, str]:
        """For a program's environment."""
        return {"HALO_SERVER": f"unix:{self.socket}"}

    def wait_for(self, pattern: str) -> str:
        """Reads the log up to a line with the pattern, or to the server's end."""
        log: IO[str] | None = self.process.stderr
        assert log is not None
        for line in log:
            self.lines.append(line)
            if re.search(pattern, line):
                return line
        raise AssertionError(f"no {pattern!r} in the log:\n{''.join(self.lines)}")

    def workers(self) -> list[int]:
        """Pids of its compiler processes."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(word) for word in children.read_text().split()]

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        log = self.process.stderr
        if log is not None and not log.closed:
            self.lines.extend(log)
            log.close()
        status = self.process.wait(30)
        self._limit.cancel()
        return status


@pytest.fixture
def serving(tools: Tools, tmp_path: Path) -> Iterator[Serving]:
    server = Serving(tools, tmp_path)
    yield server
    server.stop()


def test_it_stops_when_asked_and_takes_its_socket_away(serving: Serving) -> None:
    assert serving.socket.exists()
    assert serving.stop() == 0
    assert not serving.socket.exists()
    assert not any("Traceback" in line for line in serving.lines)


def test_a_second_server_at_the_same_socket_says_so(serving: Serving, tools: Tools) -> None:
    second = run([tools.haloserver, "--socket", serving.socket, "--listen", "none"])
    assert second.status == 1
    assert "already" in second.stderr


def test_a_program_is_patched(serving: Serving, hot: Path) -> None:
    with subprocess.Popen([hot, "60000"], env=environment(serving.address)) as child:
        serving.wait_for("mix: chosen")
        serving.wait_for("mix: patched")
        serving.wait_for(r"mix: O3 for this processor instead of the original: .*x \[")
        child.kill()
    serving.wait_for("ended")


def test_garbage_silence_and_half_frames_cost_only_themselves(serving: Serving, hot: Path) -> None:
    silent = socket.socket(socket.AF_UNIX)
    silent.connect(str(serving.socket))
    half = socket.socket(socket.AF_UNIX)
    half.connect(str(serving.socket))
    half.sendall((100).to_bytes(8, "little") + bytes(8))
    for junk in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096), b"\xff" * 64, b"x"):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(serving.socket))
            peer.sendall(junk)
    with socket.socket(socket.AF_UNIX) as liar:
        liar.connect(str(serving.socket))
        # A well-formed head, then a Setup that is nonsense.
        liar.sendall((64).to_bytes(8, "little") + bytes(24) + b"\xff" * 32)
        serving.wait_for("dropped")
    with subprocess.Popen([hot, "60000"], env=environment(serving.address)) as child:
        serving.wait_for("mix: patched")
        child.kill()
    silent.close()
    half.close()
    assert serving.stop() == 0
    assert not any("Traceback" in line for line in serving.lines)


def test_the_program_goes_on_when_the_server_is_killed(
    tools: Tools, tmp_path: Path, hot: Path
) -> None:
    server = Serving(tools, tmp_path)
    with subprocess.Popen(
        [hot, "4000"], env=environment(server.address), stdout=subprocess.PIPE
    ) as child:
        server.wait_for("mix: patched")
        server.process.kill()
        said, _ = child.communicate(timeout=60)
    server.stop()
    assert child.returncode == 0
    assert said == run([hot, "1"], extra={"HALO_DISABLE": "1"}).stdout


def test_a_killed_compiler_is_replaced(serving: Serving, hot: Path) -> None:
    for pid in serving.workers():
        os.kill(pid, signal.SIGKILL)
    with subprocess.Popen([hot, "60000"], env=environment(serving.address)) as first:
        serving.wait_for("stays as it is: the compiler ended with signal SIGKILL")
        with subprocess.Popen([hot, "60000"], env=environment(serving.address)) as second:
            serving.wait_for("mix: patched")
            second.kill()
        first.kill()


def test_a_compile_over_its_memory_limit_is_refused(
    tools: Tools, tmp_path: Path, hot: Path
) -> None:
    server = Serving(tools, tmp_path, "--memory-limit", "300M")
    with subprocess.Popen([hot, "60000"], env=environment(server.address)) as child:
        server.wait_for("stays as it is|mix: left as it is|mix: patched")
        child.kill()
    assert server.stop() == 0


def test_flags_before_environment_before_file(tools: Tools, tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text('strategy = "off"\nhertz = 50\n')
    for number, (options, extra, strategy) in enumerate(
        [
            ([], {}, "off"),
            ([], {"HALO_STRATEGY": "stress"}, "stress"),
            (["--strategy", "once"], {"HALO_STRATEGY": "stress"}, "once"),
        ]
    ):
        directory = tmp_path / str(number)
        server = Serving(tools, directory, "--config", str(file), *options, **extra)
        server.stop()
        assert f"strategy {strategy}" in server.hello


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("stratgy = 'off'", "stratgy"), ("= 3", "Invalid"), ("strategy = 'best'", "best")],
)
def test_a_wrong_file_is_named(tools: Tools, tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "server.toml").write_text(text)
    outcome = run([tools.haloserver, "--config", tmp_path / "server.toml"])
    assert outcome.status == 2
    assert complaint in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_systemd_passes_the_socket_and_hears_of_readiness(tools: Tools, tmp_path: Path) -> None:
    with (
        socket.socket(socket.AF_UNIX) as passed,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
    ):
        passed.bind(str(tmp_path / "passed.sock"))
        passed.listen()
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(LIMIT_S)
        number = passed.fileno()
        script = f'exec 3<&{number}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$0"'
        child = subprocess.Popen(
            ["/bin/bash", "-c", script, tools.haloserver],
            pass_fds=[number],
            stderr=subprocess.PIPE,
            text=True,
            env=environment({"NOTIFY_SOCKET": str(tmp_path / "notify")}),
        )
        assert manager.recv(100) == b"READY=1"
        child.send_signal(signal.SIGTERM)
        _, log = child.communicate(timeout=30)
    assert str(tmp_path / "passed.sock") in log
    assert child.returncode == 0
