"""What is known of a build, shared by all of its processes.

Bitcode travels once per build: whichever process asks first brings it, the others wait; if that
process dies half-way, the next in line brings it. Least recently used builds are forgotten when
they take too much memory.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from halojit.build.build import BuildError, inspect
from halojit.build.section import Section
from halojit.model.function import Function


@dataclass(frozen=True)
class Build:
    """A bitcode section and what the compiler says of it."""

    section: Section
    functions: dict[str, Function]
    skipped: tuple[str, ...]


class Fleet:
    """Builds by name (`Mapped.build_name`)."""

    def __init__(self, executor: Executor, limit_bytes: int) -> None:
        self._executor = executor
        self._limit_bytes = limit_bytes
        self._builds: OrderedDict[str, Build | BuildError] = OrderedDict()
        self._turns: dict[str, asyncio.Lock] = {}
        self.transfers = 0

    async def learn(self, name: str, listed: bytes, fetch: Callable[[], Awaitable[bytes]]) -> Build:
        """The build of that name; `listed` is what its table has (`SymbolTable.listed`), `fetch`
        brings the section if nobody did. Raises BuildError."""
        async with self._turns.setdefault(name, asyncio.Lock()):
            if name not in self._builds:
                data = await fetch()
                self.transfers += 1
                self._builds[name] = await self._inspect(Section(data, listed))
                self._trim()
            self._builds.move_to_end(name)
            build = self._builds[name]
        if isinstance(build, BuildError):
            raise BuildError(str(build))
        return build

    async def _inspect(self, section: Section) -> Build | BuildError:
        job = self._executor.submit(inspect, section)
        try:
            functions, skipped = await asyncio.wrap_future(job)
        except BuildError as error:
            return error
        return Build(section, {function.name: function for function in functions}, skipped)

    def _trim(self) -> None:
        def size(build: Build | BuildError) -> int:
            return len(build.section.data) if isinstance(build, Build) else 0

        total = sum(map(size, self._builds.values()))
        while total > self._limit_bytes and len(self._builds) > 1:
            name, build = self._builds.popitem(last=False)
            total -= size(build)
            if not self._turns[name].locked():
                del self._turns[name]
