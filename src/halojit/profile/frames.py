"""From the addresses in sampled stacks to functions.

In: where each image's functions are, and where the variants that were linked in are. Out: the
place of a frame, or None for code that Halo does not know (libraries, unpatchable functions).

A frame is the start of its function wherever the image has unwind tables. Only for an image none of
whose frames is such a start is the nearest function below taken: otherwise the time of a function
that has no table entry would go to its neighbour.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from halojit.model.function import Function, Place
from halojit.model.image import Image
from halojit.model.symbols import SymbolTable


class _ImageFrames:
    def __init__(self, image: Image, functions: Iterable[Function], table: SymbolTable) -> None:
        self.image = image
        self.starts: dict[int, Place] = {}
        for function in functions:
            for key in function.symbols:
                address = table.function(key)
                if address is not None:
                    self.starts[address] = Place(image.id, function.name)
        self._order = sorted(self.starts)
        self.has_starts = False

    def find(self, address: int) -> Place | None:
        place = self.starts.get(address)
        if place is not None:
            self.has_starts = True
            return place
        index = bisect_right(self._order, address) - 1
        if self.has_starts or index < 0:
            return None
        return self.starts[self._order[index]]


class FrameMap:
    """Names frames. Images and variants may be added while a profile is read."""

    def __init__(self) -> None:
        self._images: dict[int, _ImageFrames] = {}
        self._variants: list[tuple[int, int, Place]] = []

    def add_image(self, image: Image, functions: Iterable[Function], table: SymbolTable) -> None:
        """Learns where the image's functions are."""
        self._images[image.id] = _ImageFrames(image, functions, table)

    def drop_image(self, image: int) -> None:
        """The image was unloaded, with the variants of its functions."""
        self._images.pop(image, None)
        self._variants = [entry for entry in self._variants if entry[2].image != image]

    def add_variant(self, root: Place, ranges: Iterable[tuple[int, int]]) -> None:
        """Code at these (address, bytes) belongs to the region of `root`."""
        self._variants.extend((address, address + size, root) for address, size in ranges if size)
        self._variants.sort()

    def see(self, addresses: Iterable[int]) -> None:
        """Learns from frames whether images report starts of functions; before `find`."""
        for frames in self._images.values():
            if not frames.has_starts:
                frames.has_starts = any(address in frames.starts for address in addresses)

    def find(self, address: int) -> Place | None:
        """The function that the frame is in."""
        for frames in self._images.values():
            if frames.image.holds(address):
                return frames.find(address)
        index = bisect_right(self._variants, (address, 1 << 64)) - 1
        if index >= 0:
            begin, end, root = self._variants[index]
            if begin <= address < end:
                return root
        return None
