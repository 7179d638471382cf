"""A live process: what the controller knows of it, and what it can do to it.

In: a channel. Out: verbs that strategies are made of: learn images, name frames, link a variant,
patch. No decisions here. Every verb may raise GoneError: a process may end at any moment.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property

from halojit.build.build import BuildError
from halojit.build.cache import Builder
from halojit.build.pool import WorkerDied
from halojit.model.events import Event, Warned
from halojit.model.function import Function, Place, region_of
from halojit.model.image import Image, Process
from halojit.model.region import FunctionProfile, Recipe, Region, Request, Variant
from halojit.model.symbols import SymbolTable
from halojit.profile.frames import FrameMap
from halojit.server.channel import Channel, ChannelError, GoneError
from halojit.server.demangle import demangle
from halojit.server.fleet import Build, Fleet
from halojit.server.services import Services, status_text
from halojit.server.settings import Settings

log = logging.getLogger("halo")


LINKED_LIMIT_BYTES = 128 << 20
"""Of variants in one process: what was entered once is never unmapped."""


class Refused(RuntimeError):
    """A variant cannot be had or placed; says why. The program goes on as it was."""


@dataclass(frozen=True)
class Mapped:
    """An image of the process and where it has what its bitcode names."""

    image: Image
    table: SymbolTable

    @cached_property
    def listed(self) -> bytes:
        """What the table has, without addresses."""
        return self.table.listed(self.image.text_low, self.image.text_high)

    @cached_property
    def build_name(self) -> str:
        """The build, and how this process binds its names: two processes may do it differently."""
        return f"{self.image.build}/{hashlib.blake2b(self.listed, digest_size=8).hexdigest()}"


@dataclass(frozen=True)
class LiveImage:
    """A mapped image whose bitcode is known."""

    mapped: Mapped
    build: Build

    @property
    def image(self) -> Image:
        return self.mapped.image

    @property
    def table(self) -> SymbolTable:
        return self.mapped.table

    @cached_property
    def entries(self) -> dict[str, int]:
        """Entries of patchable functions by name."""
        entries = {}
        for function in self.build.functions.values():
            for key in function.symbols:
                if key in self.table.entries:
                    entries[function.name] = self.table.entries[key]
                    break
        return entries


@dataclass(frozen=True)
class Linked:
    """A variant in the process: addresses by root."""

    entries: dict[str, int]
    gates: dict[str, tuple[int, int]]
    symbols: dict[str, int]
    bytes: int


class Live:
    """One process, as long as it is connected."""

    def __init__(
        self,
        channel: Channel,
        process: Process,
        fleet: Fleet,
        builder: Builder,
        settings: Settings,
        clock_ns: Callable[[], int],
        tell: Callable[[Event], None],
    ) -> None:
        self.services = Services(channel)
        self.process = process
        self.settings = settings
        self.mapped: dict[int, Mapped] = {}
        self.images: dict[int, LiveImage] = {}
        self.frames = FrameMap()
        self.generation = -1
        self.is_stopped = False
        """Has a person said that nothing but originals may run?"""
        self.tell = tell
        self._channel = channel
        self._fleet = fleet
        self._builder = builder
        self._clock_ns = clock_ns
        self._builtins: dict[str, int] = {}
        self._linked: dict[tuple[int, str], Linked] = {}
        self._failed: set[int] = set()
        self._random = random.Random(f"{settings.seed}/{process.pid}")
        self._clock_from = (process.now_ns, process.now_ticks)
        self._clock_to = self._clock_from

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def label(self) -> str:
        """For log lines."""
        return f"{self.process.executable.rsplit('/', 1)[-1]}[{self.pid}]"

    def at_s(self) -> float:
        """Seconds since the process's main, now."""
        return (self._clock_ns() - self.process.main_ns) / 1e9

    def read_clock(self, now_ns: int, now_ticks: int) -> None:
        """Remembers the latest pair of clock and time-stamp counter."""
        self._clock_to = (now_ns, now_ticks)

    @property
    def ns_per_tick(self) -> float:
        """Of the time-stamp counter, from the pairs seen so far."""
        ns = self._clock_to[0] - self._clock_from[0]
        ticks = self._clock_to[1] - self._clock_from[1]
        return ns / ticks if ns > 0 and ticks > 0 else 1.0

    @property
    def is_gone(self) -> bool:
        """Has the connection ended?"""
        return self._channel.closed.done()

    def draw_seed(self) -> int:
        """For the runtime's random choices."""
        return self._random.getrandbits(63) | 1

    async def map_images(self) -> None:
        """Learns where images have their things, and forgets those that went."""
        self.generation, images = await self.services.images()
        present = {image.id: image for image in images if image.bitcode_bytes}
        for gone in self.mapped.keys() - present.keys():
            del self.mapped[gone]
            self.images.pop(gone, None)
            self.frames.drop_image(gone)
            self._linked = {key: one for key, one in self._linked.items() if key[0] != gone}
        for image in present.values():
            if image.id not in self.mapped:
                try:
                    table = SymbolTable(await self.services.symbols(image.id))
                except ValueError as error:
                    self._warn(f"{image.path} stays as it is: {error}")
                    continue
                self.mapped[image.id] = Mapped(image, table)

    async def learn_images(self) -> None:
        """Also learns their bitcode."""
        await self.map_images()
        for mapped in list(self.mapped.values()):
            if mapped.image.id not in self.images and mapped.image.id not in self._failed:
                await self._learn(mapped)

    async def _learn(self, mapped: Mapped) -> None:
        image = mapped.image
        try:
            build = await self._fleet.learn(
                mapped.build_name, mapped.listed, lambda: self.services.bitcode(image)
            )
        except GoneError:
            raise
        except (BuildError, ChannelError, WorkerDied) as error:
            self._failed.add(image.id)
            self._warn(f"{image.path} stays as it is: {error}")
            return
        if not build.functions and not build.skipped:
            self._warn(f"{image.path} stays as it is: its bitcode section holds no module")
        for reason in build.skipped:
            self._warn(f"{image.path}: a module is left out: {reason}")
        known = LiveImage(mapped, build)
        self.images[image.id] = known
        self.frames.add_image(image, build.functions.values(), mapped.table)
        log.info(
            "%s: learned %s: %d modules, %d functions, %d patchable",
            self.label,
            image.path,
            len(image.digests) // 16,
            len(build.functions),
            len(known.entries),
        )

    def _warn(self, message: str) -> None:
        self.tell(Warned(self.pid, self.at_s(), message))

    def function(self, place: Place) -> Function | None:
        known = self.images.get(place.image)
        return known.build.functions.get(place.name) if known else None

    def entry(self, place: Place) -> int | None:
        """Where the function is entered, if it can be patched."""
        known = self.images.get(place.image)
        return known.entries.get(place.name) if known else None

    def reach(self, place: Place, hot: Collection[str]) -> frozenset[str]:
        """Names of what the region of this root will hold."""
        known = self.images.get(place.image)
        if known is None:
            return frozenset((place.name,))
        return region_of(known.build.functions, place.name, hot)

    async def build(
        self,
        image: int,
        roots: tuple[str, ...],
        recipe: Recipe,
        *,
        has_gate: bool = False,
        is_instrumented: bool = False,
        profile: tuple[FunctionProfile, ...] = (),
        hot: tuple[str, ...] = (),
        is_recursive: bool = False,
    ) -> Variant:
        """A variant of the region of these roots. Raises Refused."""
        known = self.images.get(image)
        if known is None:
            raise Refused("its image was unloaded")
        request = Request(
            roots=roots,
            recipe=recipe,
            has_gate=has_gate,
            tls_offsets=tuple(sorted(known.table.tls_offsets.items())),
            is_instrumented=is_instrumented,
            profile=profile,
            hot=hot,
            is_recursive=is_recursive,
        )
        future = self._builder.build(known.build.section, request)
        try:
            return await asyncio.shield(asyncio.wrap_future(future))
        except (BuildError, WorkerDied, MemoryError) as error:
            raise Refused(str(error)) from None

    async def build_region(
        self,
        region: Region,
        recipe: Recipe,
        *,
        is_instrumented: bool = False,
        profile: tuple[FunctionProfile, ...] = (),
    ) -> Variant:
        """A variant of a region that was chosen, with a gate unless it counts. Raises Refused."""
        return await self.build(
            region.root.image,
            (region.root.name,),
            recipe,
            has_gate=not is_instrumented,
            is_instrumented=is_instrumented,
            profile=profile,
            hot=region.hot,
            is_recursive=region.is_recursive,
        )

    async def link(self, image: int, variant: Variant) -> Linked:
        """Links the variant into the process, once. Raises Refused."""
        mapped = self.mapped.get(image)
        if mapped is None:
            raise Refused("its image was unloaded")
        key = image, variant.digest
        if key not in self._linked:
            held = sum(linked.bytes for linked in self._linked.values())
            if held + len(variant.data) > LINKED_LIMIT_BYTES:
                raise Refused(f"the process holds {held >> 20} MiB of variants already")
            self._linked[key] = await self._link(mapped, variant)
        return self._linked[key]

    async def _link(self, mapped: Mapped, variant: Variant) -> Linked:
        symbols = await self._resolve(mapped.table, variant)
        try:
            placed = await self._channel.link(
                variant.data, symbols, mapped.image.arena, self.settings.is_debugged
            )
        except GoneError:
            raise
        except ChannelError as error:
            raise Refused(f"it does not link: {error}") from None
        try:
            linked = Linked(
                {root: placed[name][0] for root, name in variant.entries.items()},
                {
                    root: (placed[gate][0], placed[control][0])
                    for root, (gate, control) in variant.gates.items()
                },
                {name: address for name, (address, _) in placed.items()},
                sum(size for _, size in placed.values()),
            )
        except KeyError as error:
            raise Refused(f"the linked object lacks {error}") from None
        if variant.entries:
            root = Place(mapped.image.id, next(iter(variant.entries)))
            self.frames.add_variant(root, placed.values())
        await self.services.announce(
            (address, size, _announced(name)) for name, (address, size) in placed.items() if size
        )
        return linked

    async def _resolve(self, table: SymbolTable, variant: Variant) -> dict[str, int]:
        addresses: dict[str, int] = {}
        missing: list[str] = []
        for name, keys in variant.needs.items():
            if not keys:
                continue
            found = next((a for a in map(table.address, keys) if a is not None), None)
            if found is None:
                missing.append(name)
            elif found:
                # What is weak and absent stays undefined; the linker minds if it was not weak.
                addresses[name] = found
        builtins = [name for name, keys in variant.needs.items() if not keys]
        unknown = [name for name in builtins if name not in self._builtins]
        if unknown:
            self._builtins.update(await self.services.builtins(unknown))
        for name in builtins:
            if name in self._builtins:
                addresses[name] = self._builtins[name]
            else:
                missing.append(name)
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            raise Refused(f"the program has no address for {', '.join(missing[:3])}{more}")
        return addresses

    async def patch(self, place: Place, target: int) -> None:
        """Points the entry at the target (0: the original). Raises Refused."""
        entry = self.entry(place)
        if entry is None:
            raise Refused("its image was unloaded")
        await self.point(entry, target)

    async def put_back(self, place: Place, target: int) -> None:
        """As `patch`, at the end of what was tried or cancelled. Nothing is left to do where the
        process is gone, or where a stop has come first, which sets every entry to the original."""
        if not self.is_gone and not self.is_stopped:
            await self.patch(place, target)

    async def point(self, entry: int, target: int) -> None:
        """As `patch`, by the entry's address."""
        if self.is_stopped and target:
            raise Refused("stopped")
        status = (await self.services.patch([(entry, target)]))[0]
        if status:
            raise Refused(f"its entry cannot be patched: {status_text(status)}")


def _announced(symbol: str) -> str:
    """A symbol of an object as profilers should show it: `mix.halo`, `mix.halo.gate`."""
    name, _, role = symbol.partition(".halo")
    return f"{demangle(name)}.halo{role}"
