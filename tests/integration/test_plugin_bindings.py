"""Names that another image or file may define: bound through the image's own slots."""

from __future__ import annotations

import re
import subprocess

from conftest import Build
from harness.elf import DEFINITION, GOT, PATCHABLE, Image
from harness.run import run
from harness.tools import system_tool

LIBRARY_C = """
int shared = 3;
static int counter = 10;
int twice(int n) {
  int sum = shared;
  for (int i = 0; i < n; i++) { sum ^= i * counter; counter++; }
  return sum;
}
int thrice(int n) { return twice(n) + shared; }
"""


def test_library_binds_what_may_be_replaced_through_the_got(compiled: Build) -> None:
    """The entry of a preemptible function is the library's own; its address is whatever wins."""
    path = compiled({"library.c": LIBRARY_C}, "-O2 -fPIC -shared", "liblibrary.so")
    image = Image(path)
    assert image.named("twice", PATCHABLE)
    ordinal = image.named("twice", PATCHABLE)[0].ordinal
    assert [row.kind for row in image.rows if row.ordinal == ordinal] == [PATCHABLE, GOT]
    assert not image.named("shared", DEFINITION)
    assert not any(image.has(name) for name in (".rela.halo_symbols", ".rela.halo_bitcode"))
    relocations = subprocess.run(
        [system_tool("readelf"), "-rW", path], capture_output=True, text=True, check=True
    ).stdout
    table = image.section("halo_symbols")
    for line in re.findall(r"^([0-9a-f]{16})  ", relocations, re.MULTILINE):
        assert not table.address <= int(line, 16) < table.address + table.size


def test_weak_definition_is_bound_by_its_slot(compiled: Build) -> None:
    """Nobody knows which definition of a weak function runs, so none of them is patched."""
    weak = "__attribute__((weak)) int pick(int n) { int s = 0; while (n--) s += n; return s; }\n"
    strong = "int pick(int n) { int s = 0; while (n--) s ^= n * 3; return s; }\n"
    user = "int pick(int); int main(int c, char **v) { (void)v; return pick(c) * 0; }\n"
    image = Image(compiled({"weak.c": weak, "strong.c": strong, "user.c": user}, "-O2"))
    assert run([compiled({"weak.c": weak, "strong.c": strong, "user.c": user}, "-O2")]).status == 0
    assert len(image.named("pick", PATCHABLE)) == 1
    slots = [row for row in image.rows if row.kind == GOT]
    assert len({row.module for row in slots}) >= 2


def test_common_variables_are_bound_by_their_slot(compiled: Build) -> None:
    one = "int both[8]; int f(int n) { int s = 0; while (n--) s += both[n & 7]++; return s; }\n"
    two = "int both[8]; int f(int); int main(void) { both[0] = 1; return f(1) - both[0] + 1; }\n"
    for linker in ("bfd", "lld"):
        path = compiled({"one.c": one, "two.c": two}, f"-O2 -fcommon -fuse-ld={linker}")
        assert run([path]).status == 0
        assert not Image(path).named("both", DEFINITION)
