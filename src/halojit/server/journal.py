"""Events as lines of text, one a step, for logs and terminals."""

from __future__ import annotations

from halojit.model import events
from halojit.model.evidence import Evidence
from halojit.server.demangle import demangle


def duration(ns: float) -> str:
    """A time in the unit that suits it."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.3g} ns"


def evidence(found: Evidence) -> str:
    """What a trial measured."""
    return (
        f"{duration(found.before_ns)} -> {duration(found.after_ns)} a call, "
        f"{found.speedup:.3f}x [{found.low:.3f}, {found.high:.3f}] "
        f"from {found.calls[0]} + {found.calls[1]} calls"
    )


def line(event: events.Event) -> str | None:
    """The event in words; None for those that come too often to be told."""
    match event:
        case events.ProgramSeen(executable=executable, images=images, modules=modules):
            return f"connected: {executable}, {modules} modules in {images} images"
        case events.SamplerStarted(sampler=sampler, hertz=hertz):
            if sampler == "off":
                return "sampling is off: nothing will be chosen"
            return f"sampling by {sampler} at {hertz} Hz"
        case events.RegionChosen(region=region):
            return (
                f"chose {demangle(region.root.name)}: {region.share:.0%} of the time, "
                f"{region.entries_per_s:.0f} entries/s of {duration(region.ns_per_call)}"
            )
        case events.VariantBuilt(root=root, recipe=recipe, build_s=build_s):
            return (
                f"built {demangle(root.name)} ({recipe}): {event.functions} functions, "
                f"{event.object_bytes} bytes in {build_s:.2f} s"
            )
        case events.VariantDeployed(root=root, is_gated=is_gated):
            how = "behind its gate" if is_gated else "untimed: it cannot have a gate"
            return f"patched {demangle(root.name)} {event.at_s:.2f} s after main, {how}"
        case events.TrialEnded(root=root, evidence=found, is_kept=is_kept, reason=reason):
            what = evidence(found) if found else "no measurement"
            return f"{'kept' if is_kept else 'took back'} {demangle(root.name)}: {what} ({reason})"
        case events.RegionRefused(root=root, reason=reason):
            return f"left {demangle(root.name)} as it is: {reason}"
        case events.StressCounted():
            return (
                f"stress: {event.swaps} swaps among {event.variants} variants of {event.built} "
                f"functions; {event.unbuildable} of {event.functions} cannot be built"
            )
        case events.Warned(message=message):
            return message
        case events.ProgramEnded(reason=reason):
            return f"ended: {reason}" if reason else "ended"
    return None
