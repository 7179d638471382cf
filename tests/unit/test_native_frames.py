"""A `halo_bitcode` section is someone else's bytes: each way to break it is named, none crashes."""

import random
import subprocess
from pathlib import Path

import pytest
from native_kit import bitcode, frame, ir

from halojit._native import BitcodeError, Image, LLVMError

SOURCE = "static int seed; int next(int x) { seed += x; return seed * 3; }"


@pytest.fixture(scope="module")
def raw() -> bytes:
    return bitcode(SOURCE)


def names(section: bytes) -> list[str]:
    return [f.name for f in Image(section).functions]


def test_no_frames_is_an_empty_image() -> None:
    assert names(b"") == []
    assert names(bytes(64)) == []


def test_padding_between_frames_is_skipped(raw: bytes) -> None:
    other = bitcode("int other(void) { return 1; }")
    assert names(bytes(16) + frame(raw) + bytes(24) + frame(other) + bytes(8)) == ["next", "other"]


def test_compressed_frames(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(raw)
    packed = subprocess.run(["zstd", "-c", tmp_path / "raw"], stdout=subprocess.PIPE, check=True)
    stored = packed.stdout
    whole = frame(raw, compression=1, stored=len(stored))
    section = whole[: whole.index(raw)] + stored
    assert names(section) == ["next"]
    with pytest.raises(BitcodeError, match="decompress"):
        Image(section[:-20] + bytes([0xFF]) * 20)
    with pytest.raises(BitcodeError, match="decompress"):
        Image(frame(raw, compression=1, unpacked=len(raw) // 2))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"magic": b"HALOBC\n\n"}, "magic"),
        ({"format": 2}, "format 2"),
        ({"major": 21, "minor": 1}, r"LLVM 21\.1"),
        ({"compression": 7}, "compression 7"),
        ({"stored": 1 << 63}, "truncated"),
        ({"described": 0xFFFFFFFF}, "truncated"),
        ({"unpacked": 1 << 62, "compression": 1}, "limit"),
        ({"unpacked": 12}, "promised"),
        ({"reserved": 1}, "reserved"),
        ({"digest": bytes(range(16))}, "digest"),
    ],
)
def test_a_header_that_lies(raw: bytes, changes: dict[str, object], message: str) -> None:
    with pytest.raises(BitcodeError, match=message) as caught:
        Image(frame(raw, **changes))
    assert isinstance(caught.value, LLVMError)
    assert "offset 0" in str(caught.value)


def test_an_error_says_where(raw: bytes) -> None:
    first = frame(raw)
    with pytest.raises(BitcodeError, match=f"offset {len(first)}"):
        Image(first + frame(raw, format=9))


def test_options_are_lines(raw: bytes) -> None:
    good = frame(raw, {"cpu": "x86-64", "unheard-of": "1"})
    assert names(good) == ["next"]
    with pytest.raises(BitcodeError, match="key=value"):
        Image(good.replace(b"cpu=x86-64\n", b"cpu-x86-64\n"))


def test_truncated_anywhere(raw: bytes) -> None:
    section = frame(raw, {"cpu": "x86-64"})
    end = len(section.rstrip(b"\0"))
    for length in [*range(1, 120), *range(120, end, 37), end - 1]:
        with pytest.raises(BitcodeError):
            Image(section[:length])


def test_flipped_anywhere(raw: bytes) -> None:
    section = frame(raw)
    draw = random.Random(1)
    spots = [*range(HEADER_BYTES), *(draw.randrange(HEADER_BYTES, len(raw)) for _ in range(200))]
    for at in spots:
        broken = bytearray(section)
        broken[at] ^= 1 << draw.randrange(8)
        if at in MINOR_VERSION:
            assert names(bytes(broken)) == ["next"]
            continue
        with pytest.raises(BitcodeError):
            Image(bytes(broken))


HEADER_BYTES = 72
MINOR_VERSION = range(20, 24)  # any 22.x will do


@pytest.mark.parametrize(
    "payload", [b"BC\xc0\xde", b"not bitcode at all", b"BC\xc0\xde" + bytes(40)]
)
def test_a_digest_of_nonsense_does_not_make_it_sense(payload: bytes) -> None:
    with pytest.raises(BitcodeError, match=r"module [0-9a-f]{8}"):
        Image(frame(payload))


def test_a_module_that_does_not_verify() -> None:
    # llvm-as refuses to write it unless told to.
    text = "define i32 @f(i32 %x) {\n  ret i32 %y\nb:\n  %y = add i32 %x, 1\n  br label %b\n}\n"
    command = ["llvm-as-22", "-disable-verify", "-o", "-", "-"]
    raw = subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, check=True).stdout
    with pytest.raises(BitcodeError, match="does not verify"):
        Image(frame(raw))


def test_ordinary_ir_is_an_image() -> None:
    assert names(frame(ir("define i32 @f() {\n  ret i32 1\n}\n"))) == ["f"]
