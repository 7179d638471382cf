"""Libraries of a session: loaded by name, by pkg-config, and by themselves."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness.tools import Tools

from halojit.repl.commands import Commands
from halojit.repl.libraries import Libraries
from halojit.repl.outcome import Outcome, Reason
from halojit.repl.session import Session, SessionError

Build = Callable[..., Path]
GARB = '#pragma comment(lib, "garb")'


@pytest.fixture
def build(tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """build("lib/libx.so.1", "int f() { return 1; }"): a library, of C, with its development link
    where asked. Those in "lib" are found by the loader."""
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path / "lib"))

    def one(
        name: str, source: str, *, is_developed: bool = False, needs: Path | None = None
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        file = tmp_path / "source.c"
        file.write_text(source)
        if name.endswith(".a"):
            member = path.with_suffix(".o")
            subprocess.run([tools.clang, "-fPIC", "-O1", "-c", file, "-o", member], check=True)
            subprocess.run(["ar", "rcs", path, member], check=True)
            return path
        flags = ["-shared", "-fPIC", "-O1", "-Wl,--hash-style=gnu", f"-Wl,-soname,{path.name}"]
        more = [needs] if needs else []
        subprocess.run([tools.clang, *flags, file, *more, "-o", path], check=True)
        if is_developed:
            path.with_name(path.name.partition(".so")[0] + ".so").symlink_to(path.name)
        return path

    return one


@pytest.fixture
def start() -> Iterator[Callable[..., Session]]:
    sessions: list[Session] = []

    def one(*flags: str, **libraries: object) -> Session:
        sessions.append(Session(flags, None, Libraries(**libraries)))  # type: ignore[arg-type]
        return sessions[-1]

    yield one
    for each in sessions:
        each.close()


Start = Callable[..., Session]


def value(session: Session, source: str) -> str:
    outcome = session.run(source)
    assert outcome.is_kept and outcome.value, outcome
    return outcome.value.text


def not_linked(session: Session, source: str) -> str:
    """What is told of an input that does not link."""
    outcome = session.run(source)
    assert outcome.failure and outcome.failure.reason is Reason.LINK, outcome
    return outcome.failure.text


def mapped(session: Session) -> str:
    """What the worker has loaded."""
    return Path(f"/proc/{session.processes()['worker']}/maps").read_text()


def declared(name: str) -> str:
    return f'extern "C" int {name}();'


# ---- by itself


def test_a_symbol_is_searched_in_libraries(build: Build, start: Start) -> None:
    build("lib/libone.so.1", "int halo_one(void) { return 41; }", is_developed=True)
    session = start()
    session.run(declared("halo_one"))
    outcome = session.run("int x = halo_one() + 1;")
    assert outcome == Outcome("note: loaded libone.so.1 for halo_one\n")
    assert value(session, "x") == "42"
    assert session.run("halo_one()").diagnostics == ""
    # What comes later may fail without losing it, and goes with what needed it.
    assert not session.run("__builtin_trap();").is_kept
    assert value(session, "halo_one()") == "41" and "libone.so.1" in mapped(session)
    session.undo(4)
    assert session.inputs == (declared("halo_one"),)
    assert "libone" not in mapped(session)


def test_a_header_of_the_system_is_enough(start: Start) -> None:
    session = start()
    session.run("#include <zlib.h>")
    outcome = session.run("zlibVersion()[0]")
    assert outcome.value and outcome.value.text == "'1'", outcome
    assert outcome.diagnostics == "note: loaded libz.so.1 for zlibVersion\n"


def test_a_typo_loads_nothing(start: Start) -> None:
    session = start()
    session.run(declared("pritnf"))
    before = mapped(session)
    assert "pritnf" in not_linked(session, "pritnf();")
    assert mapped(session).count(".so") == before.count(".so")


def test_of_several_the_one_with_a_development_link(build: Build, start: Start) -> None:
    build("lib/libone.so.1", "int halo_one(void) { return 1; }")
    build("lib/libtwo.so.1", "int halo_one(void) { return 2; }", is_developed=True)
    session = start()
    session.run(declared("halo_one"))
    assert value(session, "halo_one()") == "2"
    assert "libone" not in mapped(session)


def test_of_several_none(build: Build, start: Start) -> None:
    build("lib/libone.so.1", "int halo_one(void) { return 1; }", is_developed=True)
    build("lib/libtwo.so.1", "int halo_one(void) { return 2; }", is_developed=True)
    session = start()
    session.run(declared("halo_one"))
    said = not_linked(session, "halo_one()")
    assert "halo_one" in said and "libone.so.1" in said and "libtwo.so.1" in said
    assert "%lib NAME" in said
    assert "libone" not in mapped(session) and "libtwo" not in mapped(session)
    assert session.load("two").is_kept
    assert value(session, "halo_one()") == "2"


def test_one_symbol_decides_for_the_other(build: Build, start: Start) -> None:
    build("lib/libone.so.1", "int halo_one(void) { return 1; }", is_developed=True)
    source = "int halo_one(void) { return 2; } int halo_other(void) { return 3; }"
    build("lib/libtwo.so.1", source, is_developed=True)
    session = start()
    session.run(declared("halo_one") + declared("halo_other"))
    outcome = session.run("halo_one() + halo_other()")
    assert outcome.value and outcome.value.text == "5"
    assert outcome.diagnostics == "note: loaded libtwo.so.1 for halo_other\n"


def test_what_no_library_had_is_searched_again_once_there_is_one(
    build: Build, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "lib").mkdir()
    session = start()
    session.run(declared("halo_late"))
    for _ in range(2):
        assert "halo_late" in not_linked(session, "halo_late()")
    build("lib/liblate.so", "int halo_late(void) { return 7; }")
    assert value(session, "halo_late()") == "7"


def test_what_no_library_had_is_not_searched_while_they_are_the_same(
    build: Build, start: Start
) -> None:
    path = build("lib/libone.so", "int halo_lone(void) { return 7; }")
    other = build("libone.so", "int halo_late(void) { return 7; }")
    session = start()
    session.run(declared("halo_late"))
    assert "halo_late" in not_linked(session, "halo_late()")
    before = path.stat()
    path.write_bytes(other.read_bytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert "halo_late" in not_linked(session, "halo_late()")
    os.utime(path)
    assert value(session, "halo_late()") == "7"


def test_nothing_is_loaded_unasked(build: Build, start: Start) -> None:
    build("lib/libone.so.1", "int halo_one(void) { return 1; }", is_developed=True)
    session = start(is_automatic=False)
    session.run(declared("halo_one"))
    assert "halo_one" in not_linked(session, "halo_one()")
    assert session.load("one").is_kept
    assert value(session, "halo_one()") == "1"


def test_a_library_that_cannot_be_loaded_says_why(build: Build, start: Start) -> None:
    base = build("lib/libbase.so.1", "int halo_base(void) { return 1; }")
    source = "int halo_base(void); int halo_one(void) { return halo_base(); }"
    build("lib/libone.so.1", source, needs=base)
    base.unlink()
    session = start()
    session.run(declared("halo_one"))
    said = not_linked(session, "halo_one()")
    assert "libone.so.1, which has halo_one, cannot be loaded" in said and "libbase.so.1" in said


# ---- by name


@pytest.mark.parametrize("name", ["one", "libone.so", "libone.so.1"])
def test_names(build: Build, start: Start, name: str) -> None:
    build("lib/libone.so.1", "int halo_one(void) { return 1; }", is_developed=True)
    session = start(is_automatic=False)
    assert session.load(name) == Outcome()
    session.run(declared("halo_one"))
    assert value(session, "halo_one()") == "1"


def test_paths_directories_and_archives(build: Build, start: Start, tmp_path: Path) -> None:
    shared = build("more/libone.so", "int halo_one(void) { return 1; }")
    archive = build(
        "more/libtwo.a",
        "int halo_set; __attribute__((constructor)) void set(void) { halo_set = 2; }"
        "int halo_two(void) { return halo_set; }",
    )
    session = start(is_automatic=False)
    assert session.load(str(shared)).is_kept and session.load(str(archive)).is_kept
    session.run(declared("halo_one") + declared("halo_two"))
    assert value(session, "halo_one() + halo_two()") == "3"
    session.undo(4)
    session.run(declared("halo_one") + declared("halo_two"))
    assert "halo_two" in not_linked(session, "halo_one() + halo_two()")

    session = start(is_automatic=False, directories=(str(tmp_path / "more"),), names=("one", "two"))
    session.run(declared("halo_one") + declared("halo_two"))
    assert value(session, "halo_one() + halo_two()") == "3"
    assert session.inputs == (
        declared("halo_one") + declared("halo_two"),
        "halo_one() + halo_two()",
    )


def test_members_of_archives_are_initialized_before_who_needs_them(
    build: Build, start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    archive = build(
        "more/libtwo.a",
        """
        #include <stdio.h>
        extern int __cxa_atexit(void (*)(void *), void *, void *), halo_set;
        extern void *__dso_handle;
        static void end(void *name) { printf("-%s ", (char *)name); }
        __attribute__((constructor(200))) static void early(void) {
          printf("early ");
          halo_set = 1;
        }
        __attribute__((constructor)) static void set(void) {
          printf("+archive ");
          halo_set *= 2;
          __cxa_atexit(end, "archive", &__dso_handle);
        }
        int halo_set;
        int halo_two(void) { return halo_set; }
        """,
    )
    session = start(is_automatic=False)
    assert session.load(str(archive)).is_kept
    session.run("#include <cstdio>\n" + declared("halo_two"))
    session.run("int unused() { return halo_two(); }")
    uses = 'struct Uses { int at = halo_two(); ~Uses() { std::printf("-%d ", at); } }'
    assert capfd.readouterr().out == ""
    assert session.run(f'{uses} first; std::printf("+%d ", first.at);').is_kept
    assert capfd.readouterr().out == "early +archive +2 "
    assert session.run("Uses second{3};").is_kept
    assert value(session, "halo_two()") == "2"
    session.undo(3)
    assert session.run(f"{uses} again{{halo_two() + 2}};").is_kept
    assert capfd.readouterr().out == "early +archive "
    assert session.close() is None
    assert capfd.readouterr().out == "-4 -archive "


def test_a_library_that_is_not_there(start: Start, tmp_path: Path) -> None:
    session = start()
    assert "libnone_such.so" in not_linked(session, '#pragma comment(lib, "none_such")')
    broken = tmp_path / "libbroken.so"
    broken.write_text("no library")
    outcome = session.load(str(broken))
    assert outcome.failure and "libbroken.so" in outcome.failure.text
    assert session.inputs == ()
    with pytest.raises(SessionError, match=r"-lnone_such: there is no libnone_such\.so"):
        start(names=("none_such",))


def test_versions_without_a_development_link_are_listed(build: Build, start: Start) -> None:
    build("lib/libone.so.1", "int halo_one(void) { return 1; }")
    build("lib/libone.so.2", "int halo_one(void) { return 2; }")
    session = start()
    outcome = session.load("one")
    assert outcome.failure and "libone.so.1" in outcome.failure.text
    assert session.load("libone.so.2").is_kept
    session.run(declared("halo_one"))
    assert value(session, "halo_one()") == "2"


# ---- by pkg-config


def test_packages(
    build: Build, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build("off/libone.so.1", "int halo_one(void) { return 1; }", is_developed=True)
    (tmp_path / "include dir").mkdir()
    (tmp_path / "include dir" / "halo_one.h").write_text(f"{declared('halo_one')}\n")
    (tmp_path / "one.pc").write_text(
        "Name: one\nDescription: one\nVersion: 1\n"
        f'Cflags: "-I{tmp_path}/include dir" -DONE=11 -DTWO\n'
        f"Libs: -L{tmp_path}/off -lone -fopenmp\n"
    )
    monkeypatch.setenv("PKG_CONFIG_PATH", str(tmp_path))
    commands = Commands(start(is_automatic=False), start)
    result = commands.take("%pkg one")
    assert result.is_ok and "-fopenmp" in result.text, result
    assert commands.take("#include <halo_one.h>").is_ok
    assert value(commands.session, "halo_one() + ONE + TWO") == "13"
    assert commands.take("%undo 3").is_ok
    assert not commands.take("#include <halo_one.h>").is_ok

    result = commands.take("%pkg no_such_package")
    assert not result.is_ok and "no_such_package" in result.text


def test_saved_sessions_have_their_libraries(build: Build, start: Start, tmp_path: Path) -> None:
    build("more/libone.so", "int halo_one(void) { return 1; }")
    commands = Commands(start(is_automatic=False), lambda: start(is_automatic=False))
    assert commands.take(f"%lib {tmp_path}/more/libone.so").is_ok
    assert commands.take(declared("halo_one")).is_ok and commands.take("int x = halo_one();").is_ok
    assert commands.take(f"%save {tmp_path}/saved.cpp").is_ok
    assert commands.take("%restart").is_ok and commands.take(f"%load {tmp_path}/saved.cpp").is_ok
    assert value(commands.session, "x") == "1"


def test_why_a_library_is_unusable_is_told(build: Build, start: Start, tmp_path: Path) -> None:
    build("lib/libold.so.1", "int halo_old(void) { return 1; }")
    (tmp_path / "lib/libgarb.so").write_text(
        "garbage, and more of it than a header has bytes: " * 9
    )
    header = bytearray((tmp_path / "lib/libold.so.1").read_bytes())
    header[18] = 183  # AArch64
    (tmp_path / "lib/libother.so").write_bytes(header)
    os.mkfifo(tmp_path / "lib/libpipe.so")
    session = start()
    assert "libgarb.so: invalid ELF header" in not_linked(session, GARB)
    assert "libother.so: " in not_linked(session, '#pragma comment(lib, "other")')
    assert "there is no libpipe.so" in not_linked(session, '#pragma comment(lib, "pipe")')
    build("more/libgarb.a", "int halo_garb(void) { return 7; }")
    session = start(directories=(str(tmp_path / "more"),))
    assert session.run(GARB).is_kept
    assert value(session, f"{declared('halo_garb')} halo_garb()") == "7"
    build("lib/libgarb.so.2", "int halo_garb(void) { return 8; }")
    session = start()
    assert session.run(GARB).is_kept
    assert value(session, f"{declared('halo_garb')} halo_garb()") == "8"


def test_directories_that_are_not_there(start: Start) -> None:
    outcome = start().run('#pragma halo include_path("/no/such")')
    assert not outcome.is_kept and "/no/such: there is no such directory" in outcome.diagnostics
    outcome = start().run("#pragma halo include_path /no/such")
    assert not outcome.is_kept and 'expected include_path("DIRECTORY")' in outcome.diagnostics


def test_on_the_command_line(build: Build, tools: Tools, tmp_path: Path) -> None:
    build("lib/libone.so", "int halo_one(void) { return 1; }")
    build("more/libtwo.a", "int halo_two(void) { return 2; }")

    def repl(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [tools.halo_repl, *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)

    inputs = (declared("halo_one") + declared("halo_two"), "halo_one() + halo_two()")
    for flags in (("-Lmore", "-ltwo"), ("-l", "more/libtwo.a")):
        done = repl(*flags, *inputs)
        assert done.stdout == "(int) 3\n"
        assert done.stderr == "note: loaded libone.so for halo_one\n"
    done = repl("--no-autoload", "-Lmore", "-ltwo", *inputs)
    assert "halo_one" in done.stderr and done.returncode == 1
    done = repl("-lnone_such", "1")
    assert "halo-repl: -lnone_such: there is no libnone_such.so" in done.stderr
    assert done.stdout == "" and done.returncode == 1
