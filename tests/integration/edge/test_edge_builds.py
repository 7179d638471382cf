"""halo-clang in the places where clang stands: make, CMake, Meson, configure probes, ccache, and
every way to name inputs and outputs.

Each build's program must be a Halo program (it has the sections), print what the plain build
prints, and be swapped under `stress` where that is checked.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from harness.run import environment, run, run_halo, without_server
from harness.tools import Tools, system_tool

MAIN = """\
#include <stdio.h>
#include "part.h"
int main(void) {
  unsigned sum = 0;
  for (int i = 0; i < 30000000 / PART_COST; i++)
    sum = sum * 3u + (unsigned)part(i);
  printf("%u\\n", sum);
  return 5;
}
"""
PART_H = """\
#ifdef __cplusplus
extern "C" {
#endif
int part(int value);
int twice(int value);
#ifdef __cplusplus
}
#endif
#define PART_COST 20
"""
PART = """\
#include "part.h"
static unsigned state = 7;
__attribute__((noinline)) static unsigned step(unsigned value) {
  for (int i = 0; i < PART_COST; i++)
    value = (value ^ (value >> 3)) * 2654435761u;
  return value ^ state;
}
int part(int value) {
  state = step((unsigned)value + state) & 0xFFFF;
  return (int)(state & 0xFF) + twice(value & 15);
}
"""
TWICE_CXX = """\
#include "part.h"
#include <vector>
extern "C" int triple(int);
int twice(int value) {
  std::vector<int> cells(4, value);
  return cells[1] + cells[3] + triple(value);
}
"""
TRIPLE_ASM = """\
        .text
        .globl  triple
        .type   triple, @function
triple: lea     (%rdi,%rdi,2), %eax
        ret
        .size   triple, .-triple
        .section .note.GNU-stack,"",@progbits
"""


class Project:
    """A small project of C, C++ and assembly in a directory of its own."""

    def __init__(self, root: Path, tools: Tools) -> None:
        self.root = root
        self._tools = tools
        self.write("main.c", MAIN)
        self.write("part.h", PART_H)
        self.write("part.c", PART)
        self.write("twice.cpp", TWICE_CXX)
        self.write("triple.s", TRIPLE_ASM)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def call(self, *command: str | Path, stdin: str = "", status: int = 0, **variables: str) -> str:
        """Runs a command of the build; its output."""
        done = subprocess.run(
            [str(part) for part in command],
            cwd=self.root,
            env=environment(variables),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == status, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def expected(self) -> tuple[bytes, int]:
        """What the plain build prints."""
        line = ["-O2", "main.c", "part.c", "triple.s", "twice.cpp", "-lstdc++", "-o", "plain"]
        self.call(self._tools.clang, *line)
        outcome = run([self.root / "plain"])
        return outcome.stdout, outcome.status

    def check(self, name: str, *, stress: bool = False) -> None:
        """The program `name` is a Halo program and prints what the plain one does."""
        path = self.root / name
        assert "halo_bitcode" in self.call(system_tool("readelf"), "-SW", path)
        expected = self.expected()
        alone = run([path], extra=without_server(self.root))
        assert (alone.stdout, alone.status) == expected, alone.stderr
        if stress:
            outcome = run_halo(self._tools, "stress", [path], self.root)
            assert (outcome.stdout, outcome.status) == expected, outcome.stderr


@pytest.fixture
def project(tmp_path: Path, tools: Tools) -> Project:
    return Project(tmp_path, tools)


FLAGS = ["-O2", "-fhalo"]


def test_one_command_mixes_languages(project: Project, tools: Tools) -> None:
    line = [*FLAGS, "main.c", "part.c", "triple.s", "twice.cpp", "-lstdc++", "-o", "mixed"]
    project.call(tools.halo_clang, *line)
    project.check("mixed", stress=True)


def test_assembly_that_is_preprocessed(project: Project, tools: Tools) -> None:
    project.write("triple.S", "#define NAME triple\n" + TRIPLE_ASM.replace("triple", "NAME"))
    line = [*FLAGS, "main.c", "part.c", "triple.S", "twice.cpp", "-lstdc++", "-o", "mixed"]
    project.call(tools.halo_clang, *line)
    project.check("mixed")


def test_make_with_implicit_rules_and_a_static_library(project: Project, tools: Tools) -> None:
    project.write(
        "Makefile",
        "app: main.o libpart.a\n\t$(CXX) $(CXXFLAGS) $(LDFLAGS) $^ -o $@\n"
        "libpart.a: part.o twice.o triple.o\n\t$(AR) rcs $@ $^\n"
        "main.o part.o twice.o: part.h\n",
    )
    flags = " ".join(FLAGS)
    variables = {
        "CC": str(tools.halo_clang),
        "CXX": str(tools.halo_clangxx),
        "CFLAGS": flags,
        "CXXFLAGS": flags,
    }
    project.call("make", "-e", "app", **variables)
    project.check("app", stress=True)
    project.call("make", "-e", "-q", "app", **variables)


def test_cmake(project: Project, tools: Tools) -> None:
    project.write(
        "CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.20)\nproject(app C CXX ASM)\n"
        "include(CheckCSourceCompiles)\nfind_package(Threads REQUIRED)\n"
        'check_c_source_compiles("int main(void){return 0;}" COMPILES)\n'
        'check_c_source_compiles("int main(void){return missing();}" LINKS_NONSENSE)\n'
        "if(NOT COMPILES OR LINKS_NONSENSE)\nmessage(FATAL_ERROR probes)\nendif()\n"
        "add_library(part STATIC part.c twice.cpp triple.s)\n"
        "add_library(shared SHARED part.c twice.cpp triple.s)\n"
        "set_target_properties(shared PROPERTIES POSITION_INDEPENDENT_CODE ON)\n"
        "add_executable(app main.c)\ntarget_link_libraries(app part Threads::Threads)\n"
        "add_executable(dynamic main.c)\ntarget_link_libraries(dynamic shared)\n",
    )
    project.call(
        "cmake", "-S", ".", "-B", "out", "-GNinja", "-DCMAKE_BUILD_TYPE=Release",
        f"-DCMAKE_C_COMPILER={tools.halo_clang}", f"-DCMAKE_CXX_COMPILER={tools.halo_clangxx}",
        "-DCMAKE_C_FLAGS=-fhalo", "-DCMAKE_CXX_FLAGS=-fhalo",
    )  # fmt: skip
    project.call("cmake", "--build", "out")
    project.check("out/app")
    project.check("out/dynamic", stress=True)


def test_cmake_package(project: Project, tools: Tools) -> None:
    """Somebody's own clang 22, and `find_package(Halo)`."""
    directory = project.call(tools.halo, "config", "--cmakedir").strip()
    project.write(
        "CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.20)\nproject(app C CXX ASM)\n"
        "find_package(Halo REQUIRED)\nadd_executable(app main.c part.c twice.cpp triple.s)\n"
        "target_link_libraries(app Halo::Halo)\n",
    )
    project.call(
        "cmake", "-S", ".", "-B", "out", "-GNinja", "-DCMAKE_BUILD_TYPE=Release",
        f"-DHalo_DIR={directory}",
        f"-DCMAKE_C_COMPILER={tools.clang}", f"-DCMAKE_CXX_COMPILER={tools.clangxx}",
    )  # fmt: skip
    project.call("cmake", "--build", "out")
    project.check("out/app")


def test_own_clang_with_the_flags_of_halo_config(project: Project, tools: Tools) -> None:
    compile_flags = project.call(tools.halo, "config", "--cflags").split()
    link_flags = project.call(tools.halo, "config", "--libs").split()
    for source in ("main.c", "part.c", "twice.cpp"):
        project.call(tools.clang, "-O2", *compile_flags, "-c", source)
    project.call(tools.clang, "-c", "triple.s")
    objects = ["main.o", "part.o", "twice.o", "triple.o"]
    project.call(tools.clangxx, *objects, *link_flags, "-o", "app")
    project.check("app")


def test_meson(project: Project, tools: Tools) -> None:
    project.write(
        "meson.build",
        "project('app', 'c', 'cpp', default_options: ['buildtype=release'])\n"
        "cc = meson.get_compiler('c')\nassert(cc.has_header('stdio.h'))\n"
        "assert(not cc.has_function('no_such_function_anywhere'))\n"
        "assert(cc.sizeof('int') == 4)\nassert(cc.has_argument('-Wall'))\n"
        "executable('app', 'main.c', 'part.c', 'twice.cpp', 'triple.s')\n",
    )
    project.call(
        system_tool("meson"), "setup", "out",
        CC=f"{tools.halo_clang}", CXX=f"{tools.halo_clangxx}", CFLAGS="-fhalo", CXXFLAGS="-fhalo",
    )  # fmt: skip
    project.call(system_tool("meson"), "compile", "-C", "out")
    project.check("out/app")


def test_autotools(project: Project, tools: Tools) -> None:
    """The whole of it: autoconf's probes, automake's rules, libtool's libraries."""
    project.write(
        "configure.ac",
        "AC_INIT([app], [1])\nAM_INIT_AUTOMAKE([foreign subdir-objects])\nAM_PROG_AR\n"
        "LT_INIT\nAC_PROG_CC\nAC_PROG_CXX\nAM_PROG_AS\nAC_C_BIGENDIAN\nAC_CHECK_SIZEOF([long])\n"
        "AC_CHECK_FUNCS([memmem no_such_function])\nAC_CHECK_LIB([m], [cos])\nAC_C_INLINE\n"
        "AC_RUN_IFELSE([AC_LANG_PROGRAM([], [return 0;])], [], [AC_MSG_ERROR([no run])])\n"
        "AC_CONFIG_HEADERS([config.h])\nAC_CONFIG_FILES([Makefile])\nAC_OUTPUT\n",
    )
    project.write(
        "Makefile.am",
        "lib_LTLIBRARIES = libpart.la\nlibpart_la_SOURCES = part.c twice.cpp triple.s part.h\n"
        "bin_PROGRAMS = app\napp_SOURCES = main.c\napp_LDADD = libpart.la\n",
    )
    project.call(system_tool("autoreconf"), "-fi")
    flags = " ".join(FLAGS)
    project.call(
        "./configure", "--disable-shared", "--build=x86_64-pc-linux-gnu",
        CC=f"{tools.halo_clang}", CXX=f"{tools.halo_clangxx}", CFLAGS=flags, CXXFLAGS=flags,
    )  # fmt: skip
    header = (project.root / "config.h").read_text()
    assert "#define HAVE_MEMMEM 1" in header
    assert "#define HAVE_NO_SUCH_FUNCTION" not in header
    assert "#define SIZEOF_LONG 8" in header
    project.call("make")
    project.check("app")


def test_configure_probes_agree_with_clang(project: Project, tools: Tools) -> None:
    """What probes look at: status, silence on success, and which outputs there are."""
    probes = {
        "good.c": "int main(void) { return 0; }\n",
        "syntax.c": "int main(void) { return 0 }\n",
        "undefined.c": "int missing(void); int main(void) { return missing(); }\n",
        "warns.c": "int main(void) { int unused; return 0; }\n",
        "empty.c": "",
    }
    for name, text in probes.items():
        project.write(name, text)
        for mode in (["-c"], [], ["-E"], ["-S"], ["-fsyntax-only"], ["-M"]):
            said = []
            for driver, extra in ((tools.clang, []), (tools.halo_clang, ["-fhalo"])):
                done = subprocess.run(
                    [driver, "-Wall", "-Werror", *extra, *mode, name, "-o", "probe.out"],
                    cwd=project.root, capture_output=True, timeout=60, check=False,
                )  # fmt: skip
                exists = (project.root / "probe.out").exists()
                (project.root / "probe.out").unlink(missing_ok=True)
                said.append((done.returncode != 0, bool(done.stderr), exists))
            assert said[0] == said[1], (name, mode, said)


def test_ccache(project: Project, tools: Tools) -> None:
    """The second compile comes from the cache and is the same object."""
    variables = {"CCACHE_DIR": str(project.root / "ccache")}
    ccache = system_tool("ccache")
    for name in ("first.o", "second.o"):
        project.call(ccache, tools.halo_clang, *FLAGS, "-c", "part.c", "-o", name, **variables)
    first, second = ((project.root / name).read_bytes() for name in ("first.o", "second.o"))
    assert first == second
    statistics = project.call(ccache, "--print-stats", **variables)
    hits = [int(line.split()[1]) for line in statistics.splitlines() if "_cache_hit" in line]
    assert sum(hits) == 1, statistics


def test_builds_are_reproducible(project: Project, tools: Tools) -> None:
    for name in ("first.o", "second.o"):
        project.call(tools.halo_clang, *FLAGS, "-c", "part.c", "-o", name)
    first, second = ((project.root / name).read_bytes() for name in ("first.o", "second.o"))
    assert first == second


def test_output_to_dev_null(project: Project, tools: Tools) -> None:
    before = Path("/dev/null").stat()
    project.call(tools.halo_clang, *FLAGS, "-c", "part.c", "-o", "/dev/null")
    project.call(tools.halo_clang, *FLAGS, "-S", "part.c", "-o", "/dev/null")
    project.call(tools.halo_clang, *FLAGS, "-E", "part.c", "-o", "/dev/null")
    after = Path("/dev/null").stat()
    assert (before.st_rdev, before.st_mode) == (after.st_rdev, after.st_mode)


def test_source_from_stdin(project: Project, tools: Tools) -> None:
    project.call(tools.halo_clang, *FLAGS, "-c", "-x", "c", "-", "-o", "part.o", stdin=PART)
    project.call(tools.halo_clangxx, *FLAGS, "-c", "-xc++", "-", "-o", "twice.o", stdin=TWICE_CXX)
    line = [*FLAGS, "main.c", "part.o", "twice.o", "triple.s", "-lstdc++", "-o", "app"]
    project.call(tools.halo_clang, *line)
    project.check("app")
    assert "int main" in project.call(tools.halo_clang, "-E", "-", *FLAGS, stdin="int main;")


def test_response_files(project: Project, tools: Tools) -> None:
    project.write("inner.rsp", "-O2\n-fhalo\n")
    project.write("files.rsp", 'main.c "part.c" triple.s\n twice.cpp -lstdc++ -o app')
    project.call(tools.halo_clang, "@inner.rsp", "@files.rsp")
    project.check("app")
    project.write("nested.rsp", "@inner.rsp main.c part.c triple.s twice.cpp -lstdc++ -o nested")
    project.call(tools.halo_clang, "@nested.rsp")
    project.check("nested")


def test_last_of_fhalo_and_fno_halo_wins(project: Project, tools: Tools) -> None:
    project.call(tools.halo_clang, "-fhalo", "-fno-halo", "-O2", "-c", "part.c", "-o", "off.o")
    project.call(tools.clang, "-O2", "-c", "part.c", "-o", "plain.o")
    project.call(tools.halo_clang, "-O2", "-c", "part.c", "-o", "through.o")
    plain = (project.root / "plain.o").read_bytes()
    assert (project.root / "off.o").read_bytes() == plain
    assert (project.root / "through.o").read_bytes() == plain


def test_sanitizers_are_refused(project: Project, tools: Tools) -> None:
    said = project.call(tools.halo_clang, *FLAGS, "-fsanitize=address", "-c", "part.c", status=1)
    assert "-fhalo" in said
    assert "saniti" in said


def test_preprocessing_and_dependencies(project: Project, tools: Tools) -> None:
    project.call(tools.halo_clang, *FLAGS, "-MD", "-MF", "part.d", "-c", "part.c")
    assert "part.h" in (project.root / "part.d").read_text()
    assert "__clang__" in project.call(
        tools.halo_clang, *FLAGS, "-dM", "-E", "-x", "c", "/dev/null"
    )


def test_assembly_output_then_assembled(project: Project, tools: Tools) -> None:
    """-S, then -c of what it wrote: `clang -save-temps` and some build systems do that."""
    project.call(tools.halo_clang, *FLAGS, "-S", "part.c")
    project.call(tools.halo_clang, *FLAGS, "-c", "part.s", "-o", "part.o")
    line = [*FLAGS, "-save-temps", "main.c", "part.o", "twice.cpp", "triple.s", "-lstdc++"]
    project.call(tools.halo_clang, *line, "-o", "app")
    project.check("app")


def test_partial_link(project: Project, tools: Tools) -> None:
    """ld -r joins objects; the image is found once all the same."""
    for source in ("main.c", "part.c", "twice.cpp", "triple.s"):
        project.call(tools.halo_clang, *FLAGS, "-c", source)
    project.call(tools.halo_clang, *FLAGS, "-r", "-nostdlib", "part.o", "twice.o", "-o", "joined.o")
    project.call(
        tools.halo_clang, *FLAGS, "main.o", "joined.o", "triple.o", "-lstdc++", "-o", "app"
    )
    project.check("app")


def test_informative_invocations(project: Project, tools: Tools) -> None:
    """Those that name no input, as build systems call them."""
    for line in (
        ["--version"],
        ["-v"],
        ["-dumpmachine"],
        ["-print-search-dirs"],
        ["-###", "part.c"],
    ):
        plain = subprocess.run(
            [tools.clang, *line], cwd=project.root, capture_output=True, timeout=60, check=False
        )
        ours = subprocess.run(
            [tools.halo_clang, *FLAGS, *line], cwd=project.root, capture_output=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert ours.returncode == plain.returncode, (line, ours.stderr)
        if line[0] in ("--version", "-dumpmachine"):
            assert ours.stdout == plain.stdout
