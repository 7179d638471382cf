"""The static arms of the deciding table: compilers and flags, with profiles where an arm has one.

All are strict in floating point (`-ffp-contract=off`) and link with `--emit-relocs`, which changes
no code, so that BOLT can be put on top of any of them. Programs are kept in their directories and
used again while the arm's flags stay the same.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure import BenchError, run
from bench.server import NO_SERVER
from bench.suite import Subject, Toolchain
from halojit import paths

STRICT = ("-ffp-contract=off",)
RELOCATIONS = ("-Wl,--emit-relocs",)
CLANG = ("clang-22", "clang++-22")
GCC = ("gcc-12", "g++-12")
LLVM = Path("/usr/lib/llvm-22/bin")
TRAINING_S = 0.7
TREE = "tree"

BASELINE = "clang-O3"
BOLT = "bolt"
"""On top of the fastest of the others."""


@dataclass(frozen=True)
class Arm:
    """One way to build ahead of time."""

    name: str
    compilers: tuple[str, str]
    flags: tuple[str, ...]
    is_trained: bool = False

    @property
    def toolchain(self) -> Toolchain:
        """Without a profile."""
        quiet = ("-Wno-unused-command-line-argument",) if self.compilers == CLANG else ()
        return Toolchain(*self.compilers, (*self.flags, *STRICT, *RELOCATIONS, *quiet))


ARMS = {
    arm.name: arm
    for arm in (
        Arm("clang-O2", CLANG, ("-O2",)),
        Arm(BASELINE, CLANG, ("-O3",)),
        Arm("native", CLANG, ("-O3", "-march=native")),
        Arm("pgo", CLANG, ("-O3",), True),
        Arm("pgo+native+lto", CLANG, ("-O3", "-march=native", "-flto", "-fuse-ld=lld"), True),
        Arm("gcc-native", GCC, ("-O3", "-march=native")),
    )
}
MEANINGS = {
    "clang-O2": "clang 22 -O2",
    BASELINE: "clang 22 -O3",
    "native": "clang 22 -O3 -march=native",
    "pgo": "clang 22 -O3, instrumented profile of the same input",
    "pgo+native+lto": "the same with -march=native and full LTO",
    "gcc-native": "gcc 12 -O3 -march=native",
    BOLT: "llvm-bolt 22, instrumented profile of the same input, on the fastest of the others",
}
LAYOUT = (
    "-reorder-blocks=ext-tsp",
    "-reorder-functions=cdsort",
    "-split-functions",
    "-split-all-cold",
    "-icf=1",
)


def build(subject: Subject, arm: Arm, build_directory: Path, data: Path) -> Path:
    """The program of the arm. BenchError."""
    directory = build_directory / "table" / subject.name / arm.name
    toolchain = arm.toolchain
    key = json.dumps([toolchain.cc, toolchain.cxx, *toolchain.flags])
    kept = _kept(directory, key)
    if kept is not None:
        return kept
    if arm.is_trained:
        profile = _train(subject, toolchain, directory, data)
        used = (f"-fprofile-use={profile}", "-Wno-profile-instr-unprofiled")
        toolchain = Toolchain(toolchain.cc, toolchain.cxx, (*toolchain.flags, *used))
    return _keep(directory, key, subject.build(toolchain, directory / TREE))


def build_halo(subject: Subject, level: str, tools: Path, build_directory: Path) -> Path:
    """The same program by halo-clang: built anew when plugin or runtime have changed."""
    directory = build_directory / "table" / subject.name / f"halo-{level}"
    cc, cxx = (str(tools / name) for name in ("halo-clang", "halo-clang++"))
    toolchain = Toolchain(cc, cxx, (f"-{level}", "-fhalo", *STRICT))
    key = json.dumps([cc, cxx, *toolchain.flags, _installed_ns()])
    kept = _kept(directory, key)
    if kept is not None:
        return kept
    return _keep(directory, key, subject.build(toolchain, directory / TREE))


def bolt(subject: Subject, base: Path, base_name: str, build_directory: Path, data: Path) -> Path:
    """BOLT's version of a program that an arm built. BenchError where it does not apply."""
    directory = build_directory / "table" / subject.name / BOLT
    stat = base.stat()
    key = json.dumps([base_name, stat.st_mtime_ns, LAYOUT])
    kept = _kept(directory, key)
    if kept is not None:
        return kept
    directory.mkdir(parents=True, exist_ok=True)
    instrumented, profile = directory / "instrumented", directory / "profile.fdata"
    profile.unlink(missing_ok=True)
    tool = str(LLVM / "llvm-bolt")
    to_profile = ["-instrument", f"-instrumentation-file={profile}", "-o", str(instrumented)]
    _call([tool, str(base), *to_profile])
    run([str(instrumented), *subject.arguments(data, TRAINING_S)], NO_SERVER)
    if not profile.exists():
        raise BenchError(f"{subject.name}: BOLT's instrumented program wrote no profile")
    program = directory / subject.name
    _call([tool, str(base), f"-data={profile}", "-o", str(program), *LAYOUT])
    instrumented.unlink()
    return _keep(directory, key, program)


def _installed_ns() -> int:
    """When what -fhalo puts into programs was last installed."""
    return max(path.stat().st_mtime_ns for path in paths.library_dir().iterdir())


def _train(subject: Subject, toolchain: Toolchain, directory: Path, data: Path) -> Path:
    raw = directory / "raw"
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir(parents=True)
    instrumented = Toolchain(
        toolchain.cc, toolchain.cxx, (*toolchain.flags, f"-fprofile-generate={raw}")
    )
    tree = directory / "training"
    program = subject.build(instrumented, tree)
    for file in raw.glob("*.profraw"):
        file.unlink()
    run([str(program), *subject.arguments(data, TRAINING_S)], NO_SERVER)
    profile = directory / "program.profdata"
    files = sorted(str(path) for path in raw.glob("*.profraw"))
    if not files:
        raise BenchError(f"{subject.name}: the instrumented program wrote no profile")
    _call([str(LLVM / "llvm-profdata"), "merge", "-o", str(profile), *files])
    shutil.rmtree(tree, ignore_errors=True)
    return profile


def _kept(directory: Path, key: str) -> Path | None:
    note = directory / "built.json"
    try:
        said = json.loads(note.read_text())
    except (OSError, ValueError):
        return None
    program = directory / said["program"]
    return program if said["key"] == key and program.exists() else None


def _keep(directory: Path, key: str, program: Path) -> Path:
    """The program alone: trees of real projects are large."""
    if program.parent != directory:
        program = program.rename(directory / program.name)
        shutil.rmtree(directory / TREE)
    note = {"key": key, "program": str(program.relative_to(directory))}
    (directory / "built.json").write_text(json.dumps(note) + "\n")
    return program


def _call(command: Sequence[str]) -> None:
    try:
        result = subprocess.run(command, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise BenchError(f"{command[0]}: {error.strerror}; see packages.txt") from error
    if result.returncode:
        raise BenchError(f"{' '.join(command)[:300]}: {result.stderr[-1500:]}")
