"""Functions that are entered once, main above all: what their loops do has entries of its own.

Their calls stay calls, and the loops run in pieces that are functions; both can be replaced while
main goes on. What the controller sees may still be inlined.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.elf import PATCHABLE, Image
from harness.program import PROGRAMS
from harness.run import run, run_halo
from harness.tools import Tools, system_tool

Compile = Callable[..., Path]


@pytest.fixture
def compile_text(tools: Tools, tmp_path: Path) -> Compile:
    """compile_text(text, *flags): an executable from one C source, built with -fhalo."""

    def build(text: str, *flags: str) -> Path:
        (tmp_path / "main.c").write_text(text)
        command = [tools.halo_clang, "-fhalo", *flags, "main.c", "-o", "app"]
        subprocess.run(command, cwd=tmp_path, check=True)
        return tmp_path / "app"

    return build


def bitcode(path: Path) -> str:
    """The embedded module as text."""
    (frame,) = Image(path).frames
    command = [system_tool("llvm-dis-22"), "-", "-o", "-"]
    return subprocess.run(
        command, input=frame.raw(), capture_output=True, check=True
    ).stdout.decode()


def pieces(path: Path) -> list[str]:
    """Functions that were loops."""
    return sorted(name for name in Image(path).symbols if re.search(r"\.loop\d+$", name))


CALLS_C = """
#include <stdio.h>
static double cells[64];
static void advance(double by) {
  for (int i = 0; i < 64; i++) {
    double next = cells[i] * 0.5 + by;
    cells[i] = next > 1 ? next - 1 : next;
    cells[(i + 7) % 64] += cells[i] * 0.25;
  }
}
static int small(int i) { return i & 3; }
static void drive(int rounds) {
  for (int i = 0; i < rounds; i++) advance(small(i));
}
int main(int argc, char **argv) {
  (void)argv;
  drive(argc * 1000);
  for (int i = 0; i < argc * 5; i++) advance(1);
  printf("%g\\n", cells[5]);
}
"""


def test_calls_in_loops_of_main_stay_calls(compile_text: Compile) -> None:
    path = compile_text(CALLS_C, "-O2")
    image = Image(path)
    assert image.named("advance", PATCHABLE)
    code = subprocess.run(
        [system_tool("llvm-objdump-22"), "-d", "--no-show-raw-insn", path],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    # `drive` is called once, outside of loops: it becomes part of main, and its call stays too.
    assert "drive" not in image.symbols
    assert len(re.findall(r"call.*<advance>", code)) == 2
    assert "small" not in image.symbols
    # The copy for the controller forbids nothing.
    assert "noinline" not in bitcode(path)


LOOPS_C = """
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
  unsigned long n = strtoul(argv[argc - 1], NULL, 10), sum = 0;
  for (unsigned long i = 0; i < n; i++) sum += i * (sum ^ i);
  for (const char *at = argv[argc - 1]; *at; at++) sum = sum * 31 + (unsigned char)*at;
  for (int i = 0; i < 4; i++) sum ^= sum << i;
  printf("%lu\\n", sum);
}
"""


def test_loops_of_main_are_functions_with_entries(compile_text: Compile) -> None:
    path = compile_text(LOOPS_C, "-O2", "-g")
    assert pieces(path) == ["main.loop1", "main.loop2"]
    image = Image(path)
    for name in pieces(path):
        assert image.named(name, PATCHABLE)
    text = bitcode(path)
    assert "define internal" in text
    assert "noinline" not in text
    # Around the ends of pieces, of one and of many: as the plain build has it.
    plain = compile_text(LOOPS_C, "-O2", "-fno-halo").rename(path.with_name("plain"))
    path = compile_text(LOOPS_C, "-O2")
    for count in (0, 1, 2, 9361, 9362, 9363, 10922, 10923, 13106, 13107, 13108, 100000, 1234567):
        assert run([path, str(count)]).stdout == run([plain, str(count)]).stdout, count


FACTS_C = """
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
  int n = 96 - (argc > 9);
  double *from = calloc(n * n, sizeof(double)), *to = calloc(n * n, sizeof(double));
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) to[j * n + i] = from[i * n + j] + i;
  printf("%g %s\\n", to[argc], argv[0]);
  free(from);
  free(to);
}
"""


def test_pieces_know_what_their_loop_knew(compile_text: Compile) -> None:
    """Bounds and indices, and that two arrays are two: without, their code would be slower."""
    (piece,) = re.findall(
        r"^define internal .*@main\.loop1\((.*)\)",
        bitcode(compile_text(FACTS_C, "-O2", "-fwrapv")),
        re.MULTILINE,
    )
    assert "i32 range(i32 95, 97)" in piece
    assert "i32 range(i32 0, 96)" in piece
    assert len(re.findall(r"ptr noalias captures\(none\)", piece)) >= 2


@pytest.mark.parametrize("flags", ["-O0", "-Oz", "-O2 -fno-halo-outline", "-O2 -ffast-math"])
def test_loops_stay_where_they_are(flags: str, compile_text: Compile) -> None:
    """Without optimization, for size, when told so, and where results could change."""
    text = LOOPS_C.replace("unsigned long n", "double f = 0.5; unsigned long n")
    text = text.replace("sum += i *", "f += i * f, sum += (int)f *").replace(
        "*at; at++) sum", "*at; at++) f *= *at, sum"
    )
    assert pieces(compile_text(text, *flags.split())) == []


@pytest.mark.parametrize("source", ["main_nest.c", "main_events.c", "main_sums.c"])
def test_a_loop_of_main_is_replaced_while_it_runs(
    source: str, tools: Tools, tmp_path: Path
) -> None:
    """A nest, the body of an event loop, tight loops: patched, and the results are the same."""
    for name, driver, flags in (
        ("plain", tools.clang, []),
        ("tuned", tools.halo_clang, ["-fhalo"]),
    ):
        line = [driver, "-O2", "-fwrapv", f"-I{PROGRAMS}", *flags, PROGRAMS / source]
        subprocess.run([*line, "-o", tmp_path / name], check=True)
    expected = run([tmp_path / "plain", "50"])
    for milliseconds in ("4000", "16000"):
        outcome = run_halo(tools, "once", [tmp_path / "tuned", milliseconds], tmp_path)
        assert (outcome.stdout, outcome.status) == (expected.stdout, expected.status)
        patched = [region["name"] for region in outcome.regions if region.get("patched_after_s")]
        if any(name.startswith("main.loop") for name in patched):
            return
    raise AssertionError(f"no loop of main was patched: {outcome.report}")
