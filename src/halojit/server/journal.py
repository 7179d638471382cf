"""Events as lines of text, one a step, for logs and terminals.

A trial is one line: region, what was tried instead of what, effect and interval, decision, cost.
"""

from __future__ import annotations

from halojit.model import events
from halojit.model.evidence import Decision, Evidence
from halojit.model.region import Recipe
from halojit.server.demangle import readable

FINE_WIDTH = 0.02
"""An interval narrower than this is told to three decimals."""
VERDICTS = {
    Decision.WON: "won",
    Decision.LOST: "lost",
    Decision.TIED: "no difference worth having",
    Decision.UNDECIDED: "undecided",
}


def is_original(name: str) -> bool:
    """Is it the program's own code?"""
    return name in ("original", "the original")


def duration(ns: float) -> str:
    """A time in the unit that suits it."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.3g} ns"


def count(number: int, noun: str, plural: str = "") -> str:
    """1 trial, 2 trials."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def digits(low: float, high: float) -> int:
    """Decimals that a number with this interval is worth."""
    return 3 if high - low < FINE_WIDTH else 2


def effect(found: Evidence) -> str:
    """What a trial measured."""
    few = digits(found.low, found.high)
    return (
        f"{found.speedup:.{few}f}x [{found.low:.{few}f}, {found.high:.{few}f}] "
        f"from {found.calls[0]:,} + {found.calls[1]:,} calls"
    )


def verdict(event: events.TrialEnded) -> str:
    """What came of it: "kept", "lost", "undecided: would have taken 40 s"."""
    if event.decision is Decision.WON and event.is_kept:
        said = "kept"
    else:
        said = VERDICTS[event.decision] + (", kept" if event.is_kept else "")
    return f"{said}: {event.reason}" if event.reason else said


def trial(event: events.TrialEnded) -> str:
    """All of a trial but the region."""
    name, against = (
        "the original" if is_original(one) else one for one in (event.name, event.against)
    )
    measured = f"{effect(event.evidence)}, " if event.evidence else ""
    cost = f"; cost {duration(event.cost_s * 1e9)}" if event.cost_s >= 1e-6 else ""
    return f"{name} instead of {against}: {measured}{verdict(event)}{cost}"


def recipe_words(recipe: Recipe | None, name: str) -> str:
    """A recipe in words; None is the program's own code."""
    if recipe is None:
        return "the original"
    return name or str(recipe)


def line(event: events.Event) -> str | None:
    """The event in words; None for those that come too often to be told."""
    match event:
        case (
            events.RegionChosen()
            | events.VariantBuilt()
            | events.VariantDeployed()
            | events.TrialEnded()
            | events.RecipeFailed()
            | events.RegionConverged()
            | events.VariantRecalled()
            | events.RegionReopened()
            | events.RegionMoved()
            | events.RegionRefused()
            | events.Quarantined()
        ):
            return _region_line(event)
        case events.ProgramSeen(executable=executable, images=images, modules=modules):
            return f"connected: {executable}, {modules} modules in {images} images"
        case events.SamplerStarted(sampler=sampler, hertz=hertz):
            if sampler == "off":
                return "sampling is off: nothing will be chosen"
            return f"sampling by {sampler} at {hertz} Hz"
        case events.StressCounted():
            return (
                f"stress: {event.swaps} swaps among {event.variants} variants of {event.built} "
                f"functions; {event.unbuildable} of {event.functions} cannot be built"
            )
        case events.Frozen(is_frozen=is_frozen):
            return "frozen: what is deployed stays" if is_frozen else "no longer frozen"
        case events.Stopped(entries=entries):
            return f"stopped: {entries} patched entries lead to the original again"
        case events.Resumed():
            return "resumed"
        case events.Warned(message=message):
            return message
        case events.ProgramEnded(reason=reason):
            return f"ended: {reason}" if reason else "ended"
    return None


def _region_line(event: events.Event) -> str:
    match event:
        case events.RegionChosen(region=region):
            return (
                f"{readable(region.root.name)}: chosen, {region.share:.0%} of the time, "
                f"{region.entries_per_s:,.0f} entries/s of {duration(region.ns_per_call)}"
            )
        case events.VariantBuilt(root=root, recipe=recipe, build_s=build_s):
            return (
                f"{readable(root.name)}: built {recipe}, {event.functions} functions, "
                f"{event.object_bytes:,} bytes in {build_s:.2f} s"
            )
        case events.VariantDeployed(root=root, is_gated=is_gated):
            how = "behind its gate" if is_gated else "in turns: it cannot have a gate"
            return f"{readable(root.name)}: patched {event.at_s:.2f} s after main, {how}"
        case events.TrialEnded(root=root):
            return f"{readable(root.name)}: {trial(event)}"
        case events.RecipeFailed(root=root, name=name, reason=reason):
            return f"{readable(root.name)}: {name} gave no code: {reason}"
        case events.RegionConverged(root=root, recipe=recipe, trials=trials, reason=reason):
            gain = f", {event.speedup:.2f}x the original" if recipe else ""
            return (
                f"{readable(root.name)}: settled on {recipe_words(recipe, event.name)} after "
                f"{count(trials, 'trial')}{gain} ({reason})"
            )
        case events.VariantRecalled(root=root, recipe=recipe, gain=gain, name=name):
            return (
                f"{readable(root.name)}: recalled {recipe_words(recipe, name)} from an earlier "
                f"run, where it was {gain:.2f}x the original"
            )
        case events.RegionReopened(root=root, reason=reason):
            return f"{readable(root.name)}: trying again: {reason}"
        case events.RegionMoved(root=root, to=to, reason=reason):
            return f"{readable(root.name)}: {readable(to.name)} is tuned instead: {reason}"
        case events.RegionRefused(root=root, reason=reason):
            return f"{readable(root.name)}: left as it is: {reason}"
        case events.Quarantined(root=root, digest=digest, reason=reason):
            return f"{readable(root.name)}: {digest[:12]} is never deployed again: {reason}"
    raise AssertionError(event)
