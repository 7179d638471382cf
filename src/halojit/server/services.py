"""Halo's own services, typed: the controller's mirror of runtime/include/halo/protocol.h.

In: a channel. Out: values of the model. Every result is checked; one that breaks the format is a
ChannelError that names the service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from halojit.model.evidence import Slice
from halojit.model.image import Image, Process
from halojit.model.profile import Sample, Stack
from halojit.server import sps
from halojit.server.channel import Channel, ChannelError
from halojit.server.sps import MalformedError, Reader

T = TypeVar("T")

PROTOCOL_VERSION = 4
BY_SLICE = 64
"""Turns of a trial's sides that are as long as its slices."""
BITCODE_CHUNK_BYTES = 1 << 20
BITCODE_LIMIT_BYTES = 2 << 30
READ_CHUNK_BYTES = 1 << 20
READ_LIMIT_BYTES = 256 << 20
OK = 0
STATUS = {
    -1: "malformed",
    -2: "no memory near the image",
    -3: "the entry is not as -fhalo leaves it",
    -4: "the image was unloaded",
    -5: "refused by the kernel or a limit",
    -6: "unknown to the runtime",
}


def status_text(status: int) -> str:
    """What a negative halo_status means."""
    return STATUS.get(status, f"status {status}")


class Services:
    """The monitor's services."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def _call(self, name: str, arguments: bytes, read: Callable[[Reader], T]) -> T:
        reader = await self._channel.call(name, arguments)
        try:
            return read(reader)
        except MalformedError as error:
            raise ChannelError(f"{name}: {error}") from None

    async def describe(self) -> Process:
        return await self._call("halo_describe", b"", _process)

    async def images(self) -> tuple[int, list[Image]]:
        """The generation, and the images."""
        return await self._call(
            "halo_images",
            b"",
            lambda reader: (reader.u64(), [_image(reader) for _ in range(reader.count(90))]),
        )

    async def bitcode(self, image: Image) -> bytes:
        """The whole section, piece by piece."""
        if image.bitcode_bytes > BITCODE_LIMIT_BYTES:
            raise ChannelError(
                f"{image.path} has {image.bitcode_bytes} bytes of bitcode, over the limit of "
                f"{BITCODE_LIMIT_BYTES}"
            )
        data = bytearray()
        while len(data) < image.bitcode_bytes:
            size = min(BITCODE_CHUNK_BYTES, image.bitcode_bytes - len(data))
            arguments = sps.u64(image.id) + sps.u64(len(data)) + sps.u64(size)
            piece = await self._call("halo_bitcode", arguments, Reader.bytes)
            if not piece:
                raise ChannelError(
                    f"halo_bitcode: {image.path} ends after {len(data)} of "
                    f"{image.bitcode_bytes} bytes"
                )
            data += piece
        return bytes(data)

    async def symbols(self, image: int) -> bytes:
        return await self._call("halo_symbols", sps.u64(image), Reader.bytes)

    async def builtins(self, names: Sequence[str]) -> dict[str, int]:
        """Addresses of those that there are."""
        arguments = sps.sequence(sps.string(name) for name in names)
        found = await self._call("halo_builtins", arguments, Reader.u64s)
        return {name: address for name, address in zip(names, found, strict=False) if address}

    async def sample_start(self, hertz: int) -> str:
        return await self._call("halo_sample_start", sps.u32(hertz), Reader.string)

    async def sample_stop(self) -> int:
        return await self._call("halo_sample_stop", b"", Reader.u64)

    async def sample_read(self) -> Sample:
        return await self._call("halo_sample_read", b"", _sample)

    async def count_start(self, entries: Iterable[int]) -> list[int]:
        return await self._call("halo_count_start", sps.u64s(entries), Reader.i32s)

    async def count_read(self, entries: Iterable[int]) -> list[int]:
        return await self._call("halo_count_read", sps.u64s(entries), Reader.u64s)

    async def count_stop(self, entries: Iterable[int]) -> list[int]:
        """Entries go where they pointed without being counted; a status each."""
        return await self._call("halo_count_stop", sps.u64s(entries), Reader.i32s)

    async def patch(self, targets: Sequence[tuple[int, int]]) -> list[int]:
        """Points entries at targets (0: the original); a status each."""
        flat = (number for pair in targets for number in pair)
        arguments = sps.u64(len(targets)) + sps.u64s(flat)[8:]
        return await self._call("halo_patch", arguments, Reader.i32s)

    async def trial_start(
        self,
        control: int,
        entry: int,
        incumbent: int,
        slice_ns: tuple[int, int],
        slices: int,
        seed: int,
        stride: int,
        turn_bits: int = BY_SLICE,
        longest: int = 0,
    ) -> int:
        """A trial at a gate's control block; its number.

        `incumbent` is 0, the original's body, or other code of the same signature. About one call
        in `stride` is timed. The sides take turns of 2 to the power of `turn_bits` timed calls of
        a thread, and a slice is told as two, one of each side; or, BY_SLICE, a slice is a turn.
        Timed calls of more than `longest` ticks of the time-stamp counter are told with those that
        were cut; 0: there is no limit.
        The original of a root that reaches itself comes back through
        the gate with each of its own calls, about 1 ns each, and its variants do not: compare
        variants with variants there. Raises ChannelError if the numbers are out of range, if a
        trial of this control block is not done, or if the runtime has no room for another.
        """
        numbers = (control, entry, incumbent, *slice_ns, slices, seed, longest)
        arguments = b"".join(sps.u64(number) for number in numbers)
        arguments += sps.u32(stride) + sps.u32(turn_bits)
        return await self._call("halo_trial_start", arguments, Reader.u64)

    async def trial_read(self, trial: int) -> tuple[bool, list[Slice]]:
        """Is it done, and the slices since the last read."""
        return await self._call("halo_trial_read", sps.u64(trial), _slices)

    async def trial_stop(self, trial: int) -> None:
        await self._call("halo_trial_stop", sps.u64(trial), Reader.u8)

    async def retire_all(self) -> int:
        return await self._call("halo_retire_all", b"", Reader.u64)

    async def read_u64s(self, address: int, count: int) -> list[int]:
        """Numbers in the program's memory, as they are at some moment each: counters that go on.

        Raises ChannelError if part of it is not readable or it is more than READ_LIMIT_BYTES.
        """
        if not 0 <= count * 8 <= READ_LIMIT_BYTES:
            raise ChannelError(
                f"{count} numbers to read, over the limit of {READ_LIMIT_BYTES // 8}"
            )
        end = address + 8 * count
        if not 0 <= address <= end < 1 << 64:
            raise ChannelError(f"{8 * count} bytes at {address:#x} can not be read")
        data = bytearray()
        for begin in range(address, end, READ_CHUNK_BYTES):
            size = min(READ_CHUNK_BYTES, end - begin)
            reader = await self._channel.call_plain(
                "__llvm_orc_bootstrap_mem_read_buffers_wrapper",
                sps.u64(1) + sps.u64(begin) + sps.u64(begin + size),
            )
            try:
                piece = reader.bytes() if reader.u64() == 1 else b""
            except MalformedError:
                piece = b""
            if len(piece) != size:
                raise ChannelError(f"{size} bytes at {begin:#x} can not be read")
            data += piece
        return sps.unpacked("Q", data)

    async def announce(self, names: Iterable[tuple[int, int, str]]) -> None:
        """Names for code: (address, bytes, name)."""
        arguments = sps.sequence(
            sps.u64(address) + sps.u64(size) + sps.string(name) for address, size, name in names
        )
        await self._call("halo_announce", arguments, Reader.u64)


def _process(reader: Reader) -> Process:
    return Process(
        protocol=reader.u32(),
        pid=reader.u32(),
        main_ns=reader.u64(),
        now_ns=reader.u64(),
        now_ticks=reader.u64(),
        executable=reader.string(),
        cpu=reader.string(),
        memory_anchor=reader.u64(),
    )


def _image(reader: Reader) -> Image:
    return Image(
        id=reader.u64(),
        path=reader.string(),
        build_id=reader.bytes(),
        base=reader.u64(),
        text_low=reader.u64(),
        text_high=reader.u64(),
        arena=reader.u64(),
        bitcode_bytes=reader.u64(),
        symbols=reader.u64(),
        is_executable=bool(reader.u8()),
        digests=reader.bytes(),
    )


def _sample(reader: Reader) -> Sample:
    return Sample(
        now_ns=reader.u64(),
        now_ticks=reader.u64(),
        cpu_ns=reader.u64(),
        generation=reader.u64(),
        lost=reader.u64(),
        stacks=tuple(Stack(reader.u32(), tuple(reader.u64s())) for _ in range(reader.count(12))),
    )


def _slices(reader: Reader) -> tuple[bool, list[Slice]]:
    is_done = bool(reader.u8())
    slices = [
        Slice(reader.u32(), reader.u32(), reader.u64(), reader.u64(), reader.u32(), reader.u64())
        for _ in range(reader.count(36))
    ]
    return is_done, slices
