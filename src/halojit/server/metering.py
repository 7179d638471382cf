"""One trial of a deployed region: gate in, measure, decide, gate out.

In: a linked variant with its gate. Out: the entry on the variant itself, or on the original, and a
TrialEnded event with what was measured. The slices are long enough for a few calls each, because a
call that spans a switch is dropped.
"""

from __future__ import annotations

import asyncio

from halojit.model.events import TrialBegan, TrialEnded, VariantDeployed
from halojit.model.evidence import Decision, Evidence
from halojit.model.region import Recipe, Region
from halojit.server.channel import ChannelError, GoneError
from halojit.server.live import Live, Refused
from halojit.server.switch import Switch
from halojit.tune.trial import Trial

SLICE_LEAST_NS = 1_000_000
SLICE_MOST_NS = 10_000_000
SLICE_LIMIT_NS = 1e9
"""The runtime takes no longer ones."""
CALLS_PER_SLICE = 4
READ_S = 0.1
ENOUGH_WIDTH = 0.005
ENOUGH_PAIRS = 40
PATIENCE = 10
"""How many times the ordinary length a trial of rare, long calls may take."""
SLICES = 1 << 20
WORTH = 0.01
"""An interval around 1 that is narrower than this rules out a difference worth having."""
ORIGINAL = "original"


class Metering:
    """See the module."""

    def __init__(
        self,
        live: Live,
        region: Region,
        recipe: Recipe,
        name: str,
        gate: tuple[int, int],
        variant: int,
        switch: Switch,
    ) -> None:
        self._live = live
        self._region = region
        self._recipe = recipe
        self._name = name
        self._gate, self._control = gate
        self._variant = variant
        self._switch = switch

    def _slice_ns(self) -> tuple[int, int]:
        region = self._region
        least = max(
            SLICE_LEAST_NS,
            CALLS_PER_SLICE * region.ns_per_call,
            CALLS_PER_SLICE * 1e9 / max(region.entries_per_s, 1.0),
        )
        least = min(least, SLICE_LIMIT_NS / 2)
        return int(least), int(max(SLICE_MOST_NS, 2 * least))

    async def run(self) -> None:
        """Raises Refused if the entry cannot be patched."""
        live, root = self._live, self._region.root
        entry = live.entry(root)
        if entry is None:
            raise Refused("its image was unloaded")
        try:
            # The control block gets the incumbent's address before anything enters the gate.
            number = await live.services.trial_start(
                self._control, entry, 0, self._slice_ns(), SLICES, live.settings.seed, stride=1
            )
        except GoneError:
            raise
        except ChannelError as error:
            raise Refused(f"its trial cannot begin: {error}") from None
        await live.patch(root, self._gate)
        live.tell(VariantDeployed(live.pid, live.at_s(), root, is_gated=True))
        live.tell(TrialBegan(live.pid, live.at_s(), root, self._name, ORIGINAL))
        trial = Trial(live.ns_per_tick)
        try:
            reason = await self._measure(number, trial)
        except (GoneError, asyncio.CancelledError):
            self._end(trial.evidence(), is_kept=True, reason="the program ended")
            raise
        evidence = trial.evidence()
        is_kept = evidence is None or not evidence.is_loss
        try:
            await live.patch(root, self._variant if is_kept else 0)
            await live.services.trial_stop(number)
        finally:
            self._end(evidence, is_kept, reason)

    async def _measure(self, number: int, trial: Trial) -> str:
        live = self._live
        loop = asyncio.get_running_loop()
        begin = loop.time()
        usual_s = live.settings.trial_s
        while True:
            await asyncio.sleep(READ_S)
            is_done, slices = await live.services.trial_read(number)
            trial.add(slices)
            passed = loop.time() - begin
            evidence = trial.evidence() if passed >= usual_s / 3 else None
            if evidence is not None:
                if evidence.width <= ENOUGH_WIDTH and evidence.pairs >= ENOUGH_PAIRS:
                    return ""
                if passed >= usual_s:
                    return ""
            if self._switch.is_frozen:
                return "frozen"
            if is_done or passed >= PATIENCE * usual_s:
                return "" if evidence else "too few calls to measure"

    def _end(self, evidence: Evidence | None, is_kept: bool, reason: str) -> None:
        live = self._live
        live.tell(
            TrialEnded(
                live.pid,
                live.at_s(),
                self._region.root,
                self._recipe,
                self._name,
                ORIGINAL,
                evidence,
                _decision(evidence),
                reason,
                cost_s=0.0,
                is_kept=is_kept,
                total_speedup=evidence.speedup if evidence and is_kept else 1.0,
            )
        )


def _decision(evidence: Evidence | None) -> Decision:
    """What the interval allows to say."""
    if evidence is None:
        return Decision.UNDECIDED
    if evidence.low > 1.0:
        return Decision.WON
    if evidence.is_loss:
        return Decision.LOST
    return Decision.TIED if evidence.width <= WORTH else Decision.UNDECIDED
