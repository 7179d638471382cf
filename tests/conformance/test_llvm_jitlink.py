"""Stock llvm-jitlink links and runs objects in halo-executor; gdb sees them by name."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from stock_llvm import Stock

LIMIT_S = 60

PROGRAM = """
#include <stdio.h>
static int table[1000] = {[999] = 7};
__attribute__((noinline)) int jit_leaf(int x) { return x * 3 + table[999]; }
int main(int argc, char **argv) {
  printf("%d %s %d\\n", argc, argv[argc - 1], jit_leaf(4));
  return 5;
}
"""


@pytest.fixture(scope="module")
def objects(stock: Stock, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with program.o, with debug information."""
    directory = tmp_path_factory.mktemp("objects")
    source = directory / "program.c"
    source.write_text(PROGRAM)
    subprocess.run(
        [stock.clang, "-g", "-O0", "-c", source, "-o", directory / "program.o"], check=True
    )
    return directory


def jitlink(
    stock: Stock, executor: Path, program: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    """Run one object's main with two arguments."""
    return subprocess.run(
        [stock.jitlink, f"-oop-executor={executor}", *options, program, "-args", "one", "two"],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )


def test_an_object_runs_and_returns_its_status(stock: Stock, executor: Path, objects: Path) -> None:
    done = jitlink(stock, executor, objects / "program.o")
    assert (done.returncode, done.stdout, done.stderr) == (5, "2 two 19\n", "")


def test_an_object_runs_under_the_orc_runtime(stock: Stock, executor: Path, objects: Path) -> None:
    done = jitlink(stock, executor, objects / "program.o", f"-orc-runtime={stock.orc_runtime}")
    assert (done.returncode, done.stdout, done.stderr) == (5, "2 two 19\n", "")


def test_a_missing_symbol_is_the_controllers_error(
    stock: Stock, executor: Path, tmp_path: Path
) -> None:
    source = tmp_path / "missing.c"
    source.write_text("int nowhere(void); int main(void) { return nowhere(); }\n")
    subprocess.run([stock.clang, "-c", source, "-o", tmp_path / "missing.o"], check=True)
    done = jitlink(stock, executor, tmp_path / "missing.o")
    assert done.returncode != 0
    assert "nowhere" in done.stderr


def test_gdb_breaks_at_linked_code_by_name(
    stock: Stock, executor: Path, objects: Path, tmp_path: Path
) -> None:
    transcript = tmp_path / "gdb.txt"
    wrapper = tmp_path / "under-gdb"
    wrapper.write_text(
        "#!/bin/sh\n"
        "exec gdb -nx -batch -iex 'set debuginfod enabled off' -ex 'set breakpoint pending on' "
        f"-ex 'break jit_leaf' -ex run -ex bt -ex continue --args {executor} \"$@\" "
        f"> {transcript} 2>&1\n"
    )
    wrapper.chmod(0o755)
    jitlink(stock, wrapper, objects / "program.o")
    seen = transcript.read_text()
    assert "jit_leaf (x=4) at " in seen
    assert " in main (argc=2, " in seen
