"""halo-clang's argument rewriting: pure functions over lists."""

from __future__ import annotations

import pytest

from halojit.driver.command import CommandError, asks_for_halo, rewrite

LIB = "/halo/lib"
PLUGIN = f"-fpass-plugin={LIB}/HaloPass.so"
IMAGE = f"{LIB}/halo-image.o"
MONITOR = f"{LIB}/halo-monitor.o"


def added(line: str) -> list[str]:
    """What -fhalo adds to a command line, without the wrapping against warnings."""
    plain = line.split()
    result = rewrite(["-fhalo", *plain], LIB)
    extra = [word for word in result if word not in plain and word != "-Xlinker"]
    if extra:
        assert extra[0] == "--start-no-unused-arguments"
        assert extra[-1] == "--end-no-unused-arguments"
    return extra[1:-1]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("a.c", False),
        ("-fhalo a.c", True),
        ("-fhalo a.c -fno-halo", False),
        ("-fno-halo a.c -fhalo", True),
        ("-fhalogen a.c", False),
    ],
)
def test_last_one_wins(line: str, answer: bool) -> None:
    assert asks_for_halo(line.split()) is answer


def test_outlining_is_the_plugin_s_unless_it_is_switched_off() -> None:
    off = ["-fplugin=/halo/lib/HaloPass.so", "-mllvm", "-halo-outline=false"]
    assert added("-c a.c") == [PLUGIN]
    assert rewrite(["-fhalo", "-fno-halo-outline", "-c", "a.c"], LIB)[2:7] == [
        "--start-no-unused-arguments",
        PLUGIN,
        *off,
    ]
    assert rewrite(["-fhalo", "-fno-halo-outline", "-fhalo-outline", "-c", "a.c"], LIB) == rewrite(
        ["-fhalo", "-c", "a.c"], LIB
    )
    assert rewrite(["-fno-halo-outline", "-c", "a.c"], LIB) == ["-c", "a.c"]


def test_without_fhalo_nothing_is_added() -> None:
    assert rewrite(["-O2", "-fhalo", "a.c", "-fno-halo", "-fsanitize=address"], LIB) == [
        "-O2",
        "a.c",
        "-fsanitize=address",
    ]


@pytest.mark.parametrize(
    "line",
    ["-c a.c", "-S a.c", "-E a.c", "-M a.c", "-fsyntax-only a.c", "-O2 -c -x c - -o a.o",
     "-r a.o b.o -o c.o", "-nostdlib -Wl,-r a.o", "-Xlinker --relocatable a.o",
     "a.h -o a.pch", "-x c++-header a.hpp", "-xc-header a", "-x c-header -- a", "-- a.h"],
)  # fmt: skip
def test_compiles_and_partial_links_get_the_plugin_only(line: str) -> None:
    assert added(line) == [PLUGIN]


@pytest.mark.parametrize(
    "line",
    ["a.c", "a.o -o a", "-x c -", "-lm a.o -static", "-o /dev/null a.c", "-static-pie a.o",
     "a.o -Xlinker -E", "a.o -Xlinker -S", "-l m", "-nodefaultlibs a.o -lc", "-MD -MF x a.c",
     "-Xclang -E a.c", "-D -c a.c", "-x c a.h", "-x none a.o", "a.h a.c", "-- a.o"],
)  # fmt: skip
def test_executables_get_note_and_monitor(line: str) -> None:
    assert added(line) == [PLUGIN, "--eh-frame-hdr", IMAGE, MONITOR]


@pytest.mark.parametrize(
    "line",
    ["-shared a.o", "--shared a.o", "-Wl,-soname,x,-shared a.o", "-nostdlib a.o",
     "-nostartfiles a.o", "-Xlinker -shared a.o"],
)  # fmt: skip
def test_libraries_and_freestanding_images_get_the_note_only(line: str) -> None:
    assert added(line) == [PLUGIN, "--eh-frame-hdr", IMAGE]


@pytest.mark.parametrize("line", ["--version", "-v", "-print-search-dirs", "-o a.out", "-I dir"])
def test_questions_stay_questions(line: str) -> None:
    assert added(line) == []


def test_files_behind_two_dashes_stay_last() -> None:
    result = rewrite(["-fhalo", "-c", "--", "a.c"], LIB)
    assert result[-2:] == ["--", "a.c"]
    assert PLUGIN in result


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("-fsanitize=address,undefined a.c", "-fsanitize=address,undefined"),
        ("-fsanitize=thread -c a.c", "-fsanitize=thread"),
        ("-fsanitize=address -fno-sanitize=undefined a.c", "-fsanitize=address"),
        ("-m32 a.c", "-m32"),
        ("-mx32 a.c", "-mx32"),
        ("--target=aarch64-linux-gnu a.c", "aarch64-linux-gnu"),
        ("-target x86_64-apple-darwin a.c", "x86_64-apple-darwin"),
        ("--target=x86_64-linux-gnux32 a.c", "x86_64-linux-gnux32"),
    ],
)
def test_refusals_name_the_cause_and_the_way_out(line: str, named: str) -> None:
    with pytest.raises(CommandError) as caught:
        rewrite(["-fhalo", *line.split()], LIB)
    assert named in str(caught.value)
    assert "drop one of them" in str(caught.value)


@pytest.mark.parametrize(
    "line",
    ["-fsanitize=address -fno-sanitize=all a.c", "-fsanitize=address -fno-sanitize=address a.c",
     "-m32 -m64 a.c", "--target=x86_64-unknown-linux-gnu a.c", "-fno-sanitize=all a.c"],
)  # fmt: skip
def test_what_is_taken_back_is_not_refused(line: str) -> None:
    assert PLUGIN in added(line)


@pytest.mark.parametrize(
    ("line", "linker", "answer"),
    [
        ("-Wl,--gc-sections a.o", "ld.bfd", True),
        ("-Wl,-O1,--gc-sections a.o", "/usr/bin/ld", True),
        ("-Wl,--gc-sections a.o", "/usr/bin/ld.gold", False),
        ("-Wl,--gc-sections a.o -fuse-ld=lld", "ld.bfd", False),
        ("-Wl,--gc-sections a.o -fuse-ld=bfd", "ld.lld", True),
        ("-Wl,--gc-sections -Wl,-T,own.ld a.o", "ld.bfd", False),
        ("-Wl,--gc-sections -T own.ld a.o", "ld.bfd", False),
        ("-Wl,--gc-sections -c a.c", "ld.bfd", False),
        ("a.o", "ld.bfd", False),
    ],
)
def test_gnu_ld_collecting_garbage_gets_a_script(line: str, linker: str, answer: bool) -> None:
    assert (f"{LIB}/../driver/halo.ld" in rewrite(["-fhalo", *line.split()], LIB, linker)) is answer
