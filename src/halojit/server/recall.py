"""What an earlier run found goes into a process as soon as it connects.

In: a live process and the memory. Out: deployed contenders. Needs no bitcode and no profile: only
the symbol tables, so that a second run starts fast. Objects come from a store, so they are linked
like any other and refused like any other; the tuner tries them again against the original.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

from halojit.model import events
from halojit.model.function import Place
from halojit.server.live import Live, Mapped, Refused
from halojit.server.memory import Memory
from halojit.server.tryout import Contender
from halojit.store.rows import Known
from halojit.tune.known import describe

log = logging.getLogger("halo")


@dataclass(frozen=True)
class Recalled:
    """In the process; `gain` is the logarithm of its speed-up as it was measured then."""

    root: Place
    contender: Contender
    gain: float


async def deploy(live: Live, memory: Memory) -> list[Recalled]:
    """Whatever can be deployed of what is known."""
    if memory.worker is None:
        return []
    await live.map_images()
    deployed = []
    for mapped in list(live.mapped.values()):
        for known in await memory.best(mapped.build_name):
            try:
                deployed.append(await _deploy(live, mapped, known))
            except Refused as error:
                log.info(
                    "%s: what is known of %s is of no use here: %s", live.label, known.root, error
                )
    return deployed


async def _deploy(live: Live, mapped: Mapped, known: Known) -> Recalled:
    root = Place(mapped.image.id, known.root)
    entry = next(
        (mapped.table.entries[key] for key in known.root_keys if key in mapped.table.entries), None
    )
    if entry is None or known.root not in known.variant.entries:
        raise Refused("the program has no such entry")
    linked = await live.link(mapped.image.id, known.variant)
    target = linked.entries[known.root]
    await live.point(entry, target)
    name = describe(known.recipe.options)
    live.tell(
        events.VariantRecalled(
            live.pid, live.at_s(), root, known.recipe, math.exp(known.gain), name
        )
    )
    contender = Contender(name, known.recipe, known.variant, target, linked.gates.get(known.root))
    return Recalled(root, contender, known.gain)
