"""The codec, and what it makes of a peer's lies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halojit.server import sps
from halojit.server.services import _image, _process, _sample, _slices
from halojit.server.sps import MalformedError, Reader

U64 = st.integers(0, 2**64 - 1)


@given(st.lists(U64))
def test_sequences_come_back(values: list[int]) -> None:
    assert Reader(sps.u64s(values)).u64s() == values


@given(st.text())
def test_strings_come_back(text: str) -> None:
    assert Reader(sps.string(text)).string() == text


def test_numbers_are_little_endian_without_padding() -> None:
    reader = Reader(bytes.fromhex("01 02000000 ffffffff 0300000000000000"))
    assert (reader.u8(), reader.u32(), reader.i32(), reader.u64()) == (1, 2, -1, 3)
    assert reader.left == 0


@pytest.mark.parametrize("read", [_process, _image, _sample, _slices, Reader.bytes, Reader.u64])
@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(read, data: bytes) -> None:  # type: ignore[no-untyped-def]
    try:
        read(Reader(data))
    except MalformedError:
        return


def test_a_count_beyond_the_result_is_refused() -> None:
    with pytest.raises(MalformedError, match="18446744073709551615"):
        Reader(sps.u64(2**64 - 1)).count(1)


def test_a_sample() -> None:
    stack = sps.u32(5) + sps.u64s([0x10, 0x20])
    data = b"".join(map(sps.u64, (1, 2, 3, 4, 5))) + sps.sequence([stack])
    sample = _sample(Reader(data))
    assert (sample.now_ns, sample.cpu_ns, sample.lost) == (1, 3, 5)
    assert sample.stacks[0].count == 5
    assert sample.stacks[0].frames == (0x10, 0x20)
