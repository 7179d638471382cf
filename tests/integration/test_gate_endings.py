"""How programs ended, as a server learns it that is not their parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness.cache import BuildCache
from harness.controller import controlled
from harness.tools import Tools

from halojit.server.deaths import Ending, Witness, ending

PROGRAM = Path(__file__).parent / "programs" / "endings.c"


@pytest.fixture(scope="session")
def endings(tools: Tools, cache: BuildCache) -> Path:
    def fill(directory: Path) -> None:
        command = [tools.halo_clang, "-O2", "-fhalo", "-pthread", PROGRAM, "-o"]
        subprocess.run([*command, directory / "endings"], check=True)

    return cache.directory("endings", fill) / "endings"


@pytest.mark.parametrize(
    ("how", "expected", "is_crash"),
    [
        ("return", Ending(status=0, has_farewell=True), False),
        ("exit", Ending(status=3, has_farewell=True), False),
        ("thread", Ending(status=4, has_farewell=True), False),
        ("_exit", Ending(status=5), False),
        ("abort", Ending(signal=signal.SIGABRT), True),
        ("fault", Ending(signal=signal.SIGSEGV), True),
        ("kill", Ending(signal=signal.SIGKILL), False),
        ("child", Ending(signal=signal.SIGKILL), False),
        ("exec", Ending(is_over=False), False),
    ],
)
def test_a_monitored_program(endings: Path, how: str, expected: Ending, is_crash: bool) -> None:
    async def story() -> Ending:
        variables = {"HALO_FORK": "inert"}
        async with controlled(endings, how, variables=variables) as control:
            with Witness(control.live.pid) as witness:
                assert await control.hear() == "ready"
                await control.say("end")
                await control.channel.closed
                limit_s = 0.2 if how == "exec" else 60
                return await witness.ending(limit_s)

    found = asyncio.run(story())
    assert found == expected
    assert found.is_crash == is_crash


@pytest.mark.parametrize("command", ["exit 7", "kill -BUS $$"])
@pytest.mark.parametrize("is_reaped", [False, True])
def test_the_child_of_another_process(command: str, is_reaped: bool) -> None:
    """While it is a zombie, and after its parent has waited for it."""
    program = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen(['sh', '-c', 'read line; {command}'], stdin=subprocess.PIPE)\n"
        "print(child.pid, flush=True); sys.stdin.readline()\n"
        "child.stdin.close()\n"
        f"{is_reaped} and child.wait()\n"
        "print('waited', flush=True); sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        with Witness(pid) as witness:
            pidfd = os.pidfd_open(pid)
            parent.stdin.write("\n")
            parent.stdin.flush()
            assert parent.stdout.readline() == "waited\n"
            found = asyncio.run(witness.ending(60))
            assert asyncio.run(ending(pidfd=pidfd)) == found
            by_pid = asyncio.run(ending(pid))
            os.close(pidfd)
        parent.stdin.write("\n")
    if is_reaped and not _tells_of_reaped():
        assert found == Ending()
    else:
        assert found == (Ending(status=7) if "7" in command else Ending(signal=signal.SIGBUS))
    assert by_pid == (Ending() if is_reaped else found)
    assert found.has_farewell is False


def _tells_of_reaped() -> bool:
    """Linux 6.15 or later."""
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int(minor)) >= (6, 15)


def test_one_that_goes_on() -> None:
    found = asyncio.run(ending(os.getpid(), limit_s=0.01))
    assert found == Ending(is_over=False)
    assert str(found) == "it goes on without Halo"


@pytest.mark.parametrize(
    ("ended", "text"),
    [
        (Ending(status=3), "exit status 3"),
        (Ending(signal=11), "killed by SIGSEGV"),
        (Ending(signal=40), "killed by signal 40"),
        (Ending(has_farewell=True), "ended in order"),
        (Ending(), "nobody knows how it ended"),
    ],
)
def test_what_people_read(ended: Ending, text: str) -> None:
    assert str(ended) == text
