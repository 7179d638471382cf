"""What -fhalo puts into images, read back from the linked files.

Each test builds small programs with the installed driver and decodes sections, notes and entry
bytes by the contract of image.h; the bitcode itself is read by LLVM's own tools.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

import pytest
from conftest import Build
from harness.elf import DEFINITION, GOT, PATCHABLE, PLAIN_ENTRY, TLS, TRACKED_ENTRY, Image
from harness.tools import Tools, system_tool

MAIN_C = """
#include <stdio.h>
#include <stdlib.h>
int twice(int n);
extern int shared;
extern __thread int per_thread;
void maybe(void) __attribute__((weak));
static int counter;
static const int table[5] = {3, 1, 4, 1, 5};
static __attribute__((noinline)) int work(int n, int unused) {
  int sum = 0;
  for (int i = 0; i < n; i++) { sum += table[i % 5] * i; counter++; }
  return sum;
}
int small(int a, int b) { return a + b; }
int many(int n) {
  per_thread += n;
  if (maybe) maybe();
  for (int i = 0; i < n; i++) shared += work(i, 1) + atoi("7");
  return work(n, 2) + twice(n) + shared;
}
int (*pointer)(int) = many;
int main(int argc, char **argv) {
  for (int i = 0; i < 3; i++) printf("%d %d\\n", pointer(argc + i), small(i, per_thread));
  printf("%d\\n", counter);
  return argc > 5 ? atoi(argv[1]) : 0;
}
"""
OTHER_C = """
int shared = 3;
__thread int per_thread = 1;
static int counter = 10;
static __attribute__((noinline)) int work(int n, int times) {
  int sum = times;
  for (int i = 0; i < n * times; i++) { sum ^= i * counter; counter++; }
  return sum;
}
int twice(int n) { return work(n, 2) + work(n + 1, 3); }
"""
FLAGS = ["-O0", "-O1", "-O2", "-O3", "-Os", "-O2 -g", "-O2 -fPIC", "-O2 -fno-pic -no-pie",
         "-O2 -static", "-O2 -static-pie", "-O2 -flto -fuse-ld=lld", "-O2 -flto=thin -fuse-ld=lld",
         "-O2 -fuse-ld=gold", "-O2 -fuse-ld=lld", "-O2 -fvisibility=hidden",
         "-O2 -fcf-protection", "-O2 -fno-integrated-as",
         "-O2 -ffunction-sections -fdata-sections -Wl,--gc-sections",
         "-O2 -ffunction-sections -fdata-sections -Wl,--gc-sections -fuse-ld=lld"]  # fmt: skip


def output(path: Path) -> str:
    done = subprocess.run([path], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def raw_bitcode(image: Image) -> list[bytes]:
    """Each frame's bitcode; its digest is checked."""
    result = [frame.raw() for frame in image.frames]
    for frame, raw in zip(image.frames, result, strict=True):
        assert hashlib.sha256(raw).digest()[:16] == frame.digest
    return result


def disassemble(raw: bytes) -> str:
    command = [system_tool("llvm-dis-22"), "-", "-o", "-"]
    return subprocess.run(command, input=raw, capture_output=True, check=True).stdout.decode()


def ordinals(text: str) -> dict[str, int]:
    """Name -> ordinal by image.h's rule, from the textual form of a module: variables first."""
    variables = re.findall(r'^@"?([^ "]+)"? = (?!.*\b(?:alias|ifunc)\b)', text, re.MULTILINE)
    functions = re.findall(r'^(?:define|declare) [^@]*@"?([^"(]+)"?\(', text, re.MULTILINE)
    return {name: number for number, name in enumerate(variables + functions)}


@pytest.mark.parametrize("flags", FLAGS)
def test_image(flags: str, compiled: Build) -> None:
    """Same output as the plain build, and everything is where the contract says."""
    sources = {"main.c": MAIN_C, "other.c": OTHER_C}
    plain = output(compiled(sources, flags, "plain", halo=False))
    path = compiled(sources, flags)
    assert output(path) == plain

    image = Image(path)
    bitcode = image.section("halo_bitcode")
    begin, end = image.note[:2]
    assert (begin, end) == (bitcode.address, bitcode.address + bitcode.size)
    assert [frame.llvm[0] for frame in image.frames] == [22, 22]
    level = re.search("-O(.)", flags)
    assert level is not None
    for frame, raw in zip(image.frames, raw_bitcode(image), strict=True):
        assert frame.options["opt-level"] == level.group(1)
        assert frame.options["cpu"] == "x86-64"
        assert "halo" not in disassemble(raw).lower()
    assert {frame.options["source"] for frame in image.frames} == {"main.c", "other.c"}
    table = image.section("halo_symbols")
    assert image.note[2:] == (table.address, table.address + table.size)

    entry = TRACKED_ENTRY if "cf-protection" in flags else PLAIN_ENTRY
    patchable = [row.address for row in image.rows if row.kind == PATCHABLE]
    assert len(patchable) == len(set(patchable))
    assert set(image.symbols["many"]) <= set(patchable)
    assert not set(image.symbols["main"]) & set(patchable)
    for address in patchable:
        assert address % 16 == 0
        assert image.at(address, len(entry)) == entry
        assert image.at(address - 16, 16) == b"\xcc" * 16
    # Both files have a static `work` and a static `counter`: two entries that lead to two places.
    # (Link-time optimization renames one of them in the symbol table.)
    names = [name for name in image.symbols if re.fullmatch(r"counter(\..*)?", name)]
    counters = [row for name in names for row in image.named(name, DEFINITION)]
    assert len({row.address for row in counters}) == 2
    assert len({row.module for row in counters}) == 2
    for row in image.rows:
        if row.kind == GOT:
            assert image.section_at(row.address).startswith(".got")
        if row.kind == TLS:
            assert image.section_at(row.address) == ".text"
    assert {row.kind for row in image.rows} == {DEFINITION, PATCHABLE, GOT, TLS}


def test_ordinals_count_the_embedded_module(compiled: Build) -> None:
    """A row's ordinal is the position of its name in the bitcode, whatever became of the others."""
    image = Image(compiled({"main.c": MAIN_C, "other.c": OTHER_C}, "-O2"))
    by_module = {
        frame.module: ordinals(disassemble(raw))
        for frame, raw in zip(image.frames, raw_bitcode(image), strict=True)
    }
    checked = 0
    for name in ("many", "work", "counter", "table", "twice", "shared", "pointer", "small"):
        for kind in (DEFINITION, PATCHABLE):
            for row in image.named(name, kind):
                assert by_module[row.module][name] == row.ordinal
                checked += 1
    assert checked >= 9


def test_bitcode_is_the_same_with_debug_information(compiled: Build, tmp_path: Path) -> None:
    sources = {"main.c": MAIN_C, "other.c": OTHER_C}
    image = Image(compiled(sources, "-O2 -g"))
    assert all("!DILocation" not in disassemble(raw) for raw in raw_bitcode(image))


def test_strip_keeps_what_the_monitor_reads(compiled: Build) -> None:
    path = compiled({"main.c": MAIN_C, "other.c": OTHER_C}, "-O2")
    before = Image(path)
    expected = (before.note, before.rows, [frame.digest for frame in before.frames])
    subprocess.run([system_tool("strip"), path], check=True)
    after = Image(path)
    assert (after.note, after.rows, [frame.digest for frame in after.frames]) == expected


INLINE_H = """
#include <vector>
template <class T> __attribute__((noinline)) T sum(const std::vector<T> &values) {
  T result{};
  for (const T &value : values) result += value * value;
  return result;
}
struct Shape { virtual ~Shape() = default; virtual long area(int n) const { long s = 0;
  for (int i = 0; i < n; i++) s += i * s + 1; return s; } };
"""


@pytest.mark.parametrize("flags", ["-O0", "-O2", "-O2 -fPIC", "-O2 -flto=thin -fuse-ld=lld"])
def test_the_prevailing_copy_of_an_inline_function_is_listed(flags: str, compiled: Build) -> None:
    sources = {
        "inline.h": INLINE_H,
        "one.cpp": '#include "inline.h"\n#include <cstdio>\nlong two();\n'
        'int main() { std::vector<long> v(9, 2); Shape s; printf("%ld %ld\\n", sum(v) + s.area(5),'
        " two()); }\n",
        "two.cpp": '#include "inline.h"\nstruct Wide : Shape {};\n'
        "long two() { std::vector<long> v(3, 5); Wide w; const Shape &s = w;"
        " return sum(v) + s.area(7); }\n",
    }
    del sources["inline.h"]
    for name, text in sources.items():
        sources[name] = text.replace('#include "inline.h"', INLINE_H)
    path = compiled(sources, flags)
    assert output(path) == output(compiled(sources, flags, "plain", halo=False))
    image = Image(path)
    name = "_Z3sumIlET_RKSt6vectorIS0_SaIS0_EE"
    assert len(image.symbols[name]) == 1
    rows = image.named(name, PATCHABLE)
    assert len(rows) == 1
    assert image.at(rows[0].address, 2) == PLAIN_ENTRY


SELECTION_C = """
#define LOOP(T, s, n, body) T s = 0; for (int i = 0; i < n; i++) s body; return s
__attribute__((noinline)) static int once(int n) { LOOP(int, s, n, ^= i); }
__attribute__((weak)) int replaceable(int n) { LOOP(int, s, n, += i * s + 1); }
__attribute__((naked)) void bare(void) { __asm__("ret"); }
__attribute__((constructor)) void early(void) { for (volatile int i = 0; i < 3; i++) ; }
static int plain_version(int n) { LOOP(int, s, n, += i); }
static int (*resolve(void))(int) { return plain_version; }
int chosen(int) __attribute__((ifunc("resolve")));
#pragma clang fp contract(fast) reassociate(on)
double relaxed(const double *x, int n) { LOOP(double, s, n, += x[i]); }
#pragma clang fp contract(on) reassociate(off)
double strict(const double *x, int n) { LOOP(double, s, n, += x[i]); }
int jumps(const unsigned char *p) {
  static void *const to[] = {&&add, &&stop};
  int s = 0;
  goto *to[*p++];
add: s += 2; goto *to[*p++];
stop: return s;
}
int tiny(int a) { return a + 1; }
int main(void) {
  double x[3] = {1, 2, 3};
  unsigned char code[] = {0, 0, 1};
  bare();
  return (int)(relaxed(x, 3) - strict(x, 3)) + once(4) * 0 + jumps(code) - 4 + chosen(0) + tiny(-1)
         + replaceable(2) - 3;
}
"""


def test_what_is_patchable(compiled: Build) -> None:
    image = Image(compiled({"main.c": SELECTION_C}, "-O1"))
    output(compiled({"main.c": SELECTION_C}, "-O1"))
    for name in ("strict", "jumps"):
        assert image.named(name, PATCHABLE), name
    for name in ("once", "replaceable", "bare", "early", "relaxed", "tiny", "main", "resolve"):
        assert name in image.symbols or name == "once"
        assert not image.named(name, PATCHABLE), name
        for address in image.symbols.get(name, ()):
            assert image.at(address, 2) != PLAIN_ENTRY, name


def test_garbage_collection_still_collects(compiled: Build) -> None:
    """Neither the table nor the bitcode keeps an unused function alive, nor what only it calls."""
    unused = "int missing(int);\nint unused(int n) { for (;;) n = missing(n); }\n"
    for linker in ("bfd", "lld"):
        flags = f"-O2 -ffunction-sections -fdata-sections -Wl,--gc-sections -fuse-ld={linker}"
        path = compiled({"main.c": MAIN_C, "other.c": OTHER_C, "unused.c": unused}, flags)
        assert "unused" not in Image(path).symbols


def test_sanitized_module_is_refused_by_the_plugin_too(tools: Tools, tmp_path: Path) -> None:
    """For users of their own clang, who have no driver to tell them."""
    (tmp_path / "main.c").write_text(OTHER_C)
    config = subprocess.run(
        [tools.halo, "config", "--cflags"], capture_output=True, text=True, check=True
    )
    for flag, word in (("-fsanitize=thread", "sanitizer"), ("-m32", "x86_64")):
        done = subprocess.run(
            [tools.clang, *config.stdout.split(), flag, "-c", "main.c"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert "halo: main.c" in done.stderr
        assert word in done.stderr


def test_second_pipeline_leaves_the_module_alone(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text(MAIN_C)
    for source, mode, to in (("main.c", "-emit-llvm -S", "main.ll"), ("main.ll", "-c", "main.o")):
        command = [tools.halo_clang, "-fhalo", "-O2", *mode.split(), source, "-o", to]
        subprocess.run(command, cwd=tmp_path, check=True)
    image = Image(tmp_path / "main.o")
    assert len([s for s in image.sections if s.name == "halo_bitcode"]) == 1


def test_cxx_code_without_exceptions_links_into_a_c_program(tools: Tools, tmp_path: Path) -> None:
    """The table names nothing that the code does not: here, the C++ personality."""
    (tmp_path / "part.cpp").write_text(
        "int next(int n) noexcept;\nstruct Guard { int *at; ~Guard() { ++*at; } };\n"
        'extern "C" int part(int n) { int sum = 0; Guard guard{&sum};'
        " for (int i = 0; i < n; i++) sum += next(i); return sum; }\n"
        "int next(int n) noexcept { return n ^ 3; }\n"
    )
    (tmp_path / "main.c").write_text("int part(int); int main(void) { return part(1) - 3; }\n")
    for driver, arguments in (
        (tools.halo_clangxx, "-c part.cpp"),
        (tools.halo_clang, "main.c part.o -o app"),
    ):
        command = [driver, "-fhalo", "-O2", *arguments.split()]
        subprocess.run(command, cwd=tmp_path, check=True)
    output(tmp_path / "app")


LITERALS_C = """
#include <stdio.h>
const char *first(void) { return "the same in both files"; }
static const char *const names[] = {"zero", "one", "two"};
const char *second(int n) { return names[n % 3]; }
const char *third(void); const char *fourth(void);
int main(int argc, char **argv) {
  (void)argv;
  const char *all[] = {first(), second(argc + 1), third(), fourth()};
  for (int i = 0; i < 4; i++) printf("%lx %s\\n", (unsigned long)all[i], all[i]);
  return 0;
}
"""
MORE_LITERALS_C = """
const char *third(void) { return "the same in both files"; }
const char *fourth(void) { return "both files"; }
"""


@pytest.mark.parametrize(
    "linker", ["bfd", "gold", "lld", "bfd -Wl,-O2", "gold -Wl,-O2", "lld -Wl,-O2"]
)
@pytest.mark.parametrize("flags", ["-O0", "-O2", "-O2 -fno-integrated-as"])
def test_literals_are_where_the_linker_merged_them(
    flags: str, linker: str, compiled: Build
) -> None:
    """The table leads to the address that the code uses: for copies and tails of other strings."""
    sources = {"main.c": LITERALS_C, "more.c": MORE_LITERALS_C}
    path = compiled(sources, f"{flags} -fno-pic -no-pie -fuse-ld={linker}")
    image = Image(path)
    listed: dict[tuple[int, str], set[int]] = {}
    for frame, raw in zip(image.frames, raw_bitcode(image), strict=True):
        text = disassemble(raw)
        contents = dict(re.findall(r'^@(\S+) = private .* c"(.*)\\00"', text, re.MULTILINE))
        names = {number: name for name, number in ordinals(text).items()}
        for row in image.rows:
            if row.module == frame.module and names.get(row.ordinal) in contents:
                assert row.kind == DEFINITION
                key = (row.module, contents[names[row.ordinal]])
                listed.setdefault(key, set()).add(row.address)
    assert all(len(addresses) == 1 for addresses in listed.values())
    for line in output(path).splitlines():
        address, string = line.split(" ", 1)
        assert {int(address, 16)} in [at for (_, name), at in listed.items() if name == string]
