"""Programs whose bitcode is corrupt, truncated or another LLVM's; a full disk; compilers that die.

A clear message, no hang, and the program's results unchanged.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness.program import Program
from harness.run import Outcome, run, run_halo
from harness.server import Server
from harness.tools import Tools, system_tool

PROGRAM = Program("recursion", ("recursion.c",))
MILLISECONDS = "700"
LONG_MS = "3000"
FRAME = struct.Struct("<8sIIIIQQII16s")
"""struct halo_bitcode_frame of image.h."""


@pytest.fixture
def plain(compile_program) -> Outcome:
    return run([compile_program(PROGRAM, is_halo=False), "0"])


@pytest.fixture
def halo(compile_program) -> Path:
    return compile_program(PROGRAM, is_halo=True)


def section(path: Path, name: str) -> tuple[int, int]:
    """Offset and size of an ELF section in its file."""
    table = subprocess.run(
        [system_tool("readelf"), "-SW", path], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(rf"\s{name}\s+\S+\s+[0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+)", table)
    assert found, table
    return int(found[1], 16), int(found[2], 16)


def edited(halo: Path, directory: Path, name: str, edit: Callable[[bytearray], None]) -> Path:
    """A copy of the program with the bytes of a section changed."""
    path = directory / "edited"
    shutil.copy(halo, path)
    offset, size = section(path, name)
    data = bytearray(path.read_bytes())
    part = data[offset : offset + size]
    edit(part)
    assert len(part) == size
    data[offset : offset + size] = part
    path.write_bytes(data)
    return path


def field(part: bytearray, index: int, value: int | bytes) -> None:
    """Sets one field of the first frame's header."""
    fields = list(FRAME.unpack_from(part))
    fields[index] = value
    FRAME.pack_into(part, 0, *fields)


def flip_payload(part: bytearray) -> None:
    for index in range(len(part) // 2, len(part) // 2 + 64):
        part[index] ^= 0x5A


def flip_magic(part: bytearray) -> None:
    part[0] ^= 0xFF


def zero_all(part: bytearray) -> None:
    part[:] = bytes(len(part))


def cut_short(part: bytearray) -> None:
    """The section ends in the middle of the payload."""
    half = len(part) // 2
    part[half:] = bytes(len(part) - half)


def longer_than_the_section(part: bytearray) -> None:
    field(part, 5, 1 << 40)


def unpacks_to_a_terabyte(part: bytearray) -> None:
    field(part, 6, 1 << 40)


def wrong_size(part: bytearray) -> None:
    field(part, 6, FRAME.unpack_from(part)[6] - 8)


def long_options(part: bytearray) -> None:
    field(part, 7, 0xFFFFFFF0)


def unknown_compression(part: bytearray) -> None:
    field(part, 2, 9)


def another_format(part: bytearray) -> None:
    field(part, 1, 2)


def another_llvm(part: bytearray) -> None:
    field(part, 3, 14)


def wrong_digest(part: bytearray) -> None:
    field(part, 9, bytes(range(16)))


BITCODE = [
    (flip_payload, ""),
    (flip_magic, ""),
    (zero_all, ""),
    (cut_short, ""),
    (longer_than_the_section, ""),
    (unpacks_to_a_terabyte, ""),
    (wrong_size, ""),
    (long_options, ""),
    (unknown_compression, "compress"),
    (another_format, "format"),
    (another_llvm, "LLVM 14"),
    (wrong_digest, "digest"),
]


@pytest.mark.parametrize("strategy", ["adapt", "stress"])
@pytest.mark.parametrize(
    ("edit", "word"), BITCODE, ids=lambda value: getattr(value, "__name__", "")
)
def test_bad_bitcode(
    edit: Callable[[bytearray], None],
    word: str,
    strategy: str,
    halo: Path,
    plain: Outcome,
    tools: Tools,
    tmp_path: Path,
) -> None:
    path = edited(halo, tmp_path, "halo_bitcode", edit)
    # On a busy machine the program may have ended before its bitcode was read: longer then.
    for factor in (1, 4, 16):
        milliseconds = str(int(MILLISECONDS) * factor)
        outcome = run_halo(tools, strategy, [path, milliseconds], tmp_path)
        assert (outcome.stdout, outcome.status) == (plain.stdout, plain.status), outcome.stderr
        assert outcome.swaps == 0
        assert outcome.regions == []
        said = "\n".join(outcome.report["messages"])
        if said and "did not connect" not in said:
            break
    assert said, "nothing was said about it"
    assert "Traceback" not in outcome.stderr
    assert word.lower() in said.lower()


def far_away(part: bytearray) -> None:
    """Every entry leads far outside of the image."""
    for offset in range(12, len(part), 16):
        struct.pack_into("<i", part, offset, -0x7FFFFFF0)


def of_strangers(part: bytearray) -> None:
    """Every entry belongs to a module that the image lacks."""
    for offset in range(0, len(part), 16):
        struct.pack_into("<Q", part, offset, 0x1111)


def odd_kinds(part: bytearray) -> None:
    for offset in range(8, len(part), 16):
        (kind,) = struct.unpack_from("<I", part, offset)
        struct.pack_into("<I", part, offset, kind | 0xF << 28)


@pytest.mark.parametrize(
    "edit", [far_away, of_strangers, odd_kinds, zero_all], ids=lambda edit: edit.__name__
)
def test_bad_symbol_table(
    edit: Callable[[bytearray], None], halo: Path, plain: Outcome, tools: Tools, tmp_path: Path
) -> None:
    path = edited(halo, tmp_path, "halo_symbols", edit)
    outcome = run_halo(tools, "stress", [path, MILLISECONDS], tmp_path)
    assert (outcome.stdout, outcome.status) == (plain.stdout, plain.status), outcome.stderr
    assert outcome.swaps == 0


def test_note_is_garbage(halo: Path, plain: Outcome, tools: Tools, tmp_path: Path) -> None:
    def scramble(part: bytearray) -> None:
        part[16:] = os.urandom(len(part) - 16)

    path = edited(halo, tmp_path, ".note.halo", scramble)
    outcome = run_halo(tools, "stress", [path, MILLISECONDS], tmp_path)
    assert (outcome.stdout, outcome.status) == (plain.stdout, plain.status), outcome.stderr


@pytest.mark.parametrize("removed", ["halo_bitcode", "halo_symbols"])
def test_section_removed(
    removed: str, halo: Path, plain: Outcome, tools: Tools, tmp_path: Path
) -> None:
    path = tmp_path / "removed"
    subprocess.run(
        [system_tool("llvm-objcopy"), f"--rename-section={removed}=gone", halo, path], check=True
    )
    outcome = run_halo(tools, "stress", [path, MILLISECONDS], tmp_path)
    assert (outcome.stdout, outcome.status) == (plain.stdout, plain.status), outcome.stderr


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system without a free byte (needs root, as CI has it)."""
    path = tmp_path / "full"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", path], check=True)
    try:
        with (path / "filler").open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError:
                pass
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def test_full_disk(
    full_disk: Path, halo: Path, plain: Outcome, tools: Tools, tmp_path: Path
) -> None:
    """Temporary files, home and report are where nothing can be written."""
    extra = {"TMPDIR": str(full_disk), "HOME": str(full_disk), "XDG_CACHE_HOME": str(full_disk)}
    line = [tools.halo, "run", "--json", full_disk / "report.json", "--", halo, MILLISECONDS]
    outcome = run(line, extra=extra)
    assert (outcome.stdout, outcome.status) == (plain.stdout, plain.status), outcome.stderr
    assert "report.json" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    with Server(tools, tmp_path, "--strategy", "stress", **extra) as server:
        outcome = run([halo, MILLISECONDS], extra=server.address)
        assert (outcome.stdout, outcome.status) == (plain.stdout, plain.status)
        assert server.stop() == 0
    assert "Traceback" not in server.log


def test_compilers_that_are_killed(
    halo: Path, plain: Outcome, tools: Tools, tmp_path: Path
) -> None:
    """kill -9 of whatever the server has started, again and again, in mid-compile."""
    with Server(tools, tmp_path, "--strategy", "stress") as server, ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, [halo, LONG_MS], extra=server.address)
        server.wait_for("connected:")
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
        killed: set[int] = set()
        while len(killed) < 5 and not running.done():
            for word in children.read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(word), 9)
                    killed.add(int(word))
        outcome = running.result()
        assert (outcome.stdout, outcome.status) == (plain.stdout, plain.status)
        assert killed
        # The next program is served by the compilers that came after.
        outcome = run([halo, LONG_MS], extra=server.address)
        assert (outcome.stdout, outcome.status) == (plain.stdout, plain.status)
        assert server.stop() == 0
    assert "Traceback" not in server.log
    assert server.swaps()[-1] > 0


def test_compiler_over_its_limits(halo: Path, plain: Outcome, tools: Tools, tmp_path: Path) -> None:
    """No memory or time to compile in: said, and left as it is."""
    options = ("--memory-limit", "100M", "--time-limit", "0.1")
    outcome = run_halo(tools, "stress", [halo, MILLISECONDS], tmp_path, options=options)
    assert (outcome.stdout, outcome.status) == (plain.stdout, plain.status), outcome.stderr
    assert "Traceback" not in outcome.stderr
