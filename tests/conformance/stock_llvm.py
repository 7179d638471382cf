"""Where Debian's LLVM 22 has the tools that these tests drive."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

LLVM = Path("/usr/lib/llvm-22")


@dataclass(frozen=True, slots=True)
class Stock:
    """Debian's LLVM 22."""

    clang: Path = LLVM / "bin" / "clang"
    clang_repl: Path = LLVM / "bin" / "clang-repl"
    jitlink: Path = LLVM / "bin" / "llvm-jitlink"
    orc_runtime: Path = LLVM / "lib/clang/22/lib/linux" / f"liborc_rt-{os.uname().machine}.a"
