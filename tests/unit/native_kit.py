"""Makes what the native extension reads, and runs what it builds.

Sections are framed here from runtime/include/halo/image.h, not by the code under test. A built
object is linked by the system's linker with the very program its image came from and executed, so
that the tests ask what a region does, not how it looks.
"""

import hashlib
import queue
import re
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from halojit._native import Image, Object, host_cpu

CLANG = "clang-22"
MAGIC = b"HALOBC\r\n"
HEADER = struct.Struct("<8sIIIIQQII16s")
CPU, FEATURES = host_cpu()
# The least every x86-64 has, as clang writes it by default.
PLAIN = {"cpu": "x86-64", "features": "+cx8,+mmx,+sse,+sse2,+x87"}


def bitcode(source: str, *flags: str, language: str = "c") -> bytes:
    """What -fhalo embeds: a module as clang hands it to the optimizer."""
    command = [CLANG, "-x", language, "-O2", "-Xclang", "-disable-llvm-passes", "-emit-llvm"]
    command += ["-c", "-o", "-", *flags, "-"]
    return subprocess.run(command, input=source.encode(), stdout=subprocess.PIPE, check=True).stdout


def ir(text: str) -> bytes:
    """Bitcode of textual IR."""
    command = ["llvm-as-22", "-o", "-", "-"]
    return subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, check=True).stdout


def frame(raw: bytes, options: Mapping[str, str] | None = None, **changes: object) -> bytes:
    """One frame; `changes` overwrite header fields, to lie about them."""
    text = "".join(f"{k}={v}\n" for k, v in (options or {}).items()).encode()
    fields = {
        "magic": MAGIC,
        "format": 1,
        "compression": 0,
        "major": 22,
        "minor": 1,
        "stored": len(raw),
        "unpacked": len(raw),
        "described": len(text),
        "reserved": 0,
        "digest": hashlib.sha256(raw).digest()[:16],
    }
    assert changes.keys() <= fields.keys()
    data = HEADER.pack(*(fields | changes).values()) + text + raw
    return data + bytes(-len(data) % 8)


def module_of(raw: bytes) -> tuple[int, str]:
    """Module id of bitcode, and the suffix that its locals get."""
    digest = hashlib.sha256(raw).digest()
    return int.from_bytes(digest[:8], "little"), digest[:4].hex()


def image(*sources: str, flags: Sequence[str] = (), language: str = "c") -> Image:
    return Image(b"".join(frame(bitcode(s, *flags, language=language)) for s in sources))


def table(*listed: tuple[int, int], flags: int = 0) -> bytes:
    """What the monitor sends of a program whose table has these (module, ordinal)."""
    return b"".join(struct.pack("<QIIQ", module, ordinal, flags, 0) for module, ordinal in listed)


def build(of: Image, *roots: str, **options: object) -> Object:
    return of.build(roots, **({"cpu": CPU, "features": FEATURES} | options))


def symbols(of: Object, directory: Path) -> dict[str, str]:
    """name -> nm's letter."""
    path = directory / "listed.o"
    path.write_bytes(of.data)
    text = subprocess.run(["nm", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {line.split()[-1]: line.split()[-2] for line in text.splitlines()}


def disassembly(of: Object, directory: Path) -> str:
    path = directory / "listed.o"
    path.write_bytes(of.data)
    command = ["llvm-objdump-22", "-dr", "--no-show-raw-insn", path]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def run(
    source: str,
    of: Object,
    main: str,
    directory: Path,
    *,
    flags: Sequence[str] = (),
    language: str = "c",
) -> str:
    """Links the program of `source`, the object built from it, and `main`; what that prints.

    In `main`, VARIANT(name) is the variant's symbol of a root. Locals of the program are made
    global for this, and the object's names for them are changed back.
    """
    suffix = "cpp" if language == "c++" else "c"
    (directory / f"program.{suffix}").write_text(source)
    (directory / f"main.{suffix}").write_text(
        f'#include <stdio.h>\n#define VARIANT(name) __asm__(#name ".halo")\n{main}'
    )
    (directory / "variant.o").write_bytes(of.data)
    compiler = "clang++-22" if language == "c++" else CLANG

    def tool(*command: object) -> str:
        words = [str(word) for word in command]
        done = subprocess.run(words, cwd=directory, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    tool(compiler, "-O1", *flags, "-c", f"program.{suffix}", "-o", "program.o")
    locals_ = {name for name in of.needs if re.fullmatch(r".*\.[0-9a-f]{8}(\.\d+)?", name)}
    plain = {name: re.sub(r"\.[0-9a-f]{8}(\.\d+)?$", "", name) for name in locals_}
    globalize = [f"--globalize-symbol={name}" for name in plain.values()]
    rename = [f"--redefine-sym={old}={new}" for old, new in plain.items()]
    tool("objcopy", *globalize, "program.o")
    tool("objcopy", *rename, "variant.o")
    libraries = ["-lm", "-lpthread"]
    tool(compiler, "-O1", f"main.{suffix}", "program.o", "variant.o", "-o", "program", *libraries)
    return tool("./program")


PATIENCE_S = 30


class Answers:
    """A `done` callback that can be waited for."""

    def __init__(self) -> None:
        self.queue: queue.Queue[tuple[Any, ...]] = queue.Queue()

    def __call__(self, *values: Any) -> None:
        self.queue.put(values)

    def get(self) -> tuple[Any, ...]:
        return self.queue.get(timeout=PATIENCE_S)

    def is_empty(self) -> bool:
        return self.queue.empty()
