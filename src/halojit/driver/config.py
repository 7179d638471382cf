"""`halo config`: flags and directories for builds with a clang 22 of one's own.

In: option names. Out: one line a request, ready for `$(halo config --cflags)`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from halojit.driver.command import link_arguments

_HERE = Path(__file__).resolve().parent


def cflags(library_dir: Path) -> list[str]:
    """Compiler flags: what -fhalo adds to a compile."""
    return [f"-fpass-plugin={library_dir}/HaloPass.so"]


def libs(library_dir: Path) -> list[str]:
    """Linker flags for an executable, passed through clang."""
    return link_arguments(str(library_dir), is_executable=True)


def shared_libs(library_dir: Path) -> list[str]:
    """Linker flags for a shared library: the monitor is the executable's."""
    return link_arguments(str(library_dir), is_executable=False)


def main(arguments: Sequence[str]) -> int:
    """Prints what was asked for, in that order; exit status 0."""
    library_dir = _HERE.parent / "lib"
    answers = {
        "--cflags": " ".join(cflags(library_dir)),
        "--libs": " ".join(libs(library_dir)),
        "--ldflags": "-Xlinker --eh-frame-hdr",
        "--shared-libs": " ".join(shared_libs(library_dir)),
        "--cmakedir": str(_HERE / "cmake"),
        "--pkgconfigdir": str(_HERE / "pkgconfig"),
    }
    helps = {
        "--cflags": "compiler flags (clang 22)",
        "--libs": "linker flags for an executable",
        "--ldflags": "the part of --libs and --shared-libs that names no file",
        "--shared-libs": "linker flags for a shared library",
        "--cmakedir": "directory for CMAKE_PREFIX_PATH or Halo_DIR",
        "--pkgconfigdir": "directory for PKG_CONFIG_PATH",
    }
    parser = argparse.ArgumentParser(
        prog="halo config",
        description="Flags for builds with your own clang 22, instead of halo-clang.",
    )
    for option, text in helps.items():
        parser.add_argument(option, dest="asked", action="append_const", const=option, help=text)
    asked = parser.parse_args(list(arguments)).asked
    if not asked:
        parser.print_help()
        return 2
    print(" ".join(answers[option] for option in asked))
    return 0
