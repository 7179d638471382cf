"""The commands under test, and the plain compiler they are compared with.

In: the Python that runs the tests (its directory holds what `make setup` installed), or HALO_BIN.
Out: absolute paths; a missing command is an error of the set-up, named as such.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

LLVM_BIN = Path("/usr/lib/llvm-22/bin")


@dataclass(frozen=True, slots=True)
class Tools:
    """Absolute paths of commands."""

    halo: Path
    haloserver: Path
    halo_clang: Path
    halo_clangxx: Path
    halo_repl: Path
    clang: Path
    clangxx: Path

    def compiler(self, *, is_halo: bool, is_cxx: bool) -> Path:
        """The driver to call for one language, plain or Halo's."""
        if is_halo:
            return self.halo_clangxx if is_cxx else self.halo_clang
        return self.clangxx if is_cxx else self.clang


def find_tools() -> Tools:
    """Every command, or LookupError that says which is not installed."""
    directory = Path(os.environ.get("HALO_BIN") or Path(sys.executable).parent)

    def ours(name: str) -> Path:
        path = directory / name
        if not path.exists():
            raise LookupError(f"{path} does not exist: run `make setup`")
        return path

    return Tools(
        ours("halo"),
        ours("haloserver"),
        ours("halo-clang"),
        ours("halo-clang++"),
        ours("halo-repl"),
        LLVM_BIN / "clang",
        LLVM_BIN / "clang++",
    )


def system_tool(name: str) -> str:
    """A command of the system that packages.txt promises."""
    found = shutil.which(name) or shutil.which(str(LLVM_BIN / name))
    if found is None:
        raise LookupError(f"{name} is not installed: run `make setup`")
    return found
