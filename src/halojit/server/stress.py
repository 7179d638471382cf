"""Strategy `stress`: every patchable function is recompiled and swapped, over and over, at random.

A hammer for correctness, not for speed: random batches of roots, recipes drawn from every knob
there is (but never from other rounding, so results stay the same to the last bit), with and without
gates; entries jump between the original and all variants made so far, thousands of times a second,
until the program ends. What it does follows from the seed and the build, not from the clock, so
that a second process of the same build finds its objects in the cache.
"""

from __future__ import annotations

import asyncio
import random

from halojit.model.events import StressCounted
from halojit.model.function import Place
from halojit.model.knobs import KNOBS
from halojit.model.region import Recipe
from halojit.server.channel import ChannelError, GoneError
from halojit.server.live import Linked, Live, LiveImage, Refused
from halojit.server.services import BY_SLICE
from halojit.server.switch import Switch

BATCH = 12
SWAPS_PER_MESSAGE = 96
SWAP_PAUSE_S = 0.01
VARIANTS_PER_FUNCTION = 8
CODE_LIMIT_BYTES = 96 << 20
TELL_S = 0.5
TURNED = 0.08
"""Share of the knobs that one recipe turns: about seven of them."""
POLLY = 0.3
"""Share of the recipes that run Polly; half of its own knobs are then turned."""
SLICE_NS = (200_000, 2_000_000)
STRIDES = (1, 2, 16)
TURN_BITS = (0, 14, BY_SLICE)
"""Of calls that go through gates; their incumbents are originals, variants and other gates."""
REGION_LIMITS = ("0", "300", "1000")
"""Small regions build fast: what counts here is how many variants there are."""


class Stress:
    """See the module."""

    def __init__(self, host: tuple[str, str], seed: int, switch: Switch | None = None) -> None:
        self._host = host
        self._seed = seed
        self._switch = switch or Switch()
        self._choices: dict[int, list[int]] = {}
        """Entry -> targets; 0 is the original."""
        self._unbuildable: dict[Place, str] = {}
        self._built: set[Place] = set()
        self._functions = 0
        self._variants = 0
        self._swaps = 0
        self._code_bytes = 0

    async def run(self, live: Live) -> None:
        await live.learn_images()
        works = (self._swap(live), self._count(live), self._build(live))
        tasks = [asyncio.create_task(work) for work in works]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._tell(live)

    def _tell(self, live: Live) -> None:
        reasons = sorted({f"{p.name}: {reason}" for p, reason in self._unbuildable.items()})
        live.tell(
            StressCounted(
                live.pid,
                live.at_s(),
                self._functions,
                len(self._built),
                len(self._unbuildable),
                self._variants,
                self._swaps,
                tuple(reasons[:20]),
            )
        )

    async def _build(self, live: Live) -> None:
        """Makes variants of every function until there are enough; then waits for new images."""
        rounds: dict[int, int] = {}
        told_s = live.at_s()
        while True:
            has_built = False
            for known in list(live.images.values()):
                done = rounds.setdefault(known.image.id, 0)
                if self._switch.is_frozen:
                    break
                if done < VARIANTS_PER_FUNCTION and self._code_bytes < CODE_LIMIT_BYTES:
                    await self._round(live, known, done)
                    rounds[known.image.id] = done + 1
                    has_built = True
            if live.at_s() - told_s > TELL_S:
                self._tell(live)
                told_s = live.at_s()
            if not has_built:
                await asyncio.sleep(TELL_S)
            generation, _ = await live.services.images()
            if generation != live.generation:
                await live.learn_images()

    async def _round(self, live: Live, known: LiveImage, number: int) -> None:
        """One variant of every function of the image."""
        draw = random.Random(f"{self._seed}/{known.image.build}/{number}")
        functions = known.build.functions
        names = sorted(
            name for name in known.entries if name in functions and not functions[name].obstacle
        )
        if number == 0:
            self._functions += len(names)
        draw.shuffle(names)
        batches = [names[i : i + BATCH] for i in range(0, len(names), BATCH)]
        if number == 0 and batches:
            # Something to swap soon: the first batch would otherwise take its time.
            batches[:1] = [batches[0][:2], batches[0][2:]]
        for batch in batches:
            recipe, has_gate = self._recipe(draw)
            await self._place(live, known, tuple(batch), recipe, has_gate)
            if self._code_bytes >= CODE_LIMIT_BYTES or known.image.id not in live.images:
                return

    def _recipe(self, draw: random.Random) -> tuple[Recipe, bool]:
        cpu, features = draw.choice([self._host, ("x86-64", "")])
        share = dict.fromkeys(KNOBS, TURNED)
        if draw.random() < POLLY:
            share |= {name: 0.5 for name in KNOBS if name.startswith("polly-")} | {"polly": 1.0}
        options = {
            name: draw.choice(KNOBS[name].settings[1:])
            for name, chance in share.items()
            if draw.random() < chance
        }
        options["region-limit"] = draw.choice(REGION_LIMITS)
        recipe = Recipe(cpu, features, draw.randrange(4), tuple(sorted(options.items())))
        return recipe, draw.random() < 0.25

    async def _place(
        self,
        live: Live,
        known: LiveImage,
        batch: tuple[str, ...],
        recipe: Recipe,
        has_gate: bool,
    ) -> None:
        """Builds and links a batch; one that fails is split, so that one function's trouble is its
        own."""
        image = known.image.id
        batch = tuple(name for name in batch if Place(image, name) not in self._unbuildable)
        if not batch:
            return
        try:
            variant = await live.build(image, batch, recipe, has_gate=has_gate)
            linked = await live.link(image, variant)
        except Refused as error:
            if len(batch) == 1:
                self._unbuildable[Place(image, batch[0])] = str(error)
                return
            middle = len(batch) // 2
            for half in (batch[:middle], batch[middle:]):
                await self._place(live, known, half, recipe, has_gate)
            return
        self._variants += len(linked.entries)
        self._code_bytes += linked.bytes
        await self._offer(live, known, linked)

    async def _offer(self, live: Live, known: LiveImage, linked: Linked) -> None:
        for name, address in linked.entries.items():
            entry = known.entries[name]
            self._built.add(Place(known.image.id, name))
            self._choices.setdefault(entry, [0]).append(address)
        for name, (gate, control) in linked.gates.items():
            entry = known.entries[name]
            choices = self._choices[entry]
            draw = random.Random(f"{self._seed}/{name}/{len(choices)}")
            incumbent, stride = draw.choice(choices), draw.choice(STRIDES)
            turn_bits = draw.choice(TURN_BITS)
            try:
                await live.services.trial_start(
                    control, entry, incumbent, SLICE_NS, 1 << 30, self._seed, stride, turn_bits
                )
            except GoneError:
                raise
            except ChannelError:
                # The runtime runs a bounded number of trials; their gates stay where they are.
                break
            choices.append(gate)

    async def _swap(self, live: Live) -> None:
        draw = random.Random(self._seed)
        while True:
            await asyncio.sleep(SWAP_PAUSE_S)
            entries = list(self._choices)
            if not entries or self._switch.is_frozen:
                continue
            chosen = draw.sample(entries, min(len(entries), SWAPS_PER_MESSAGE))
            # With few functions, several swaps of each in one message.
            chosen *= max(1, SWAPS_PER_MESSAGE // (2 * len(chosen)))
            pairs = [(entry, draw.choice(self._choices[entry])) for entry in chosen]
            statuses = await live.services.patch(pairs)
            for (entry, _), status in zip(pairs, statuses, strict=True):
                if status:
                    self._choices.pop(entry, None)
                else:
                    self._swaps += 1

    async def _count(self, live: Live) -> None:
        """Now and then some entries are counted instead, which arms them anew."""
        draw = random.Random(self._seed + 1)
        while True:
            await asyncio.sleep(0.2 + 0.3 * draw.random())
            entries = list(self._choices)
            if entries and not self._switch.is_frozen:
                some = draw.sample(entries, min(len(entries), 8))
                await live.services.count_start(some)
                await live.services.count_read(some)
