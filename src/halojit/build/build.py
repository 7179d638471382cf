"""What is computed from bitcode: the facts about its functions, and variants.

In: a section, and a request that says everything else. Out: values that can be pickled. Pure: no
clock, no state but the linked modules that a section keeps. Runs in a worker process, or anywhere
`concurrent.futures` can send it.
"""

from __future__ import annotations

import time

from halojit.build.section import Section
from halojit.model.function import Function
from halojit.model.knobs import native_options
from halojit.model.region import Counters, Request, Variant


class BuildError(RuntimeError):
    """The bitcode cannot be read or the region cannot be built; says why."""


def inspect(section: Section) -> tuple[tuple[Function, ...], tuple[str, ...]]:
    """All functions of the section, and its modules that could not be used, with the reason."""
    from halojit import _native

    try:
        modules = section.modules
        functions = tuple(
            Function(
                name=function.name,
                symbols=tuple((module, ordinal) for module, ordinal in function.symbols),
                callees=tuple(function.callees),
                reaches_itself=function.reaches_itself,
                obstacle=function.obstacle,
                instructions=function.instructions,
            )
            for function in modules.functions
        )
        return functions, tuple(modules.skipped)
    except _native.LLVMError as error:
        raise BuildError(str(error)) from None


def build(section: Section, request: Request) -> Variant:
    """Compiles the region of the request's roots."""
    from halojit import _native

    begin, begin_cpu = time.perf_counter(), time.process_time()
    recipe = request.recipe
    try:
        built = section.modules.build(
            list(request.roots),
            cpu=recipe.cpu,
            features=recipe.features,
            level=recipe.level,
            options=native_options(recipe.options),
            tls_offsets=dict(request.tls_offsets),
            gate=request.has_gate,
            instrument=request.is_instrumented,
            profile=[(p.name, p.hash, p.counts, p.values) for p in request.profile],
            hot=list(request.hot),
            recursive=request.is_recursive,
        )
    except (_native.LLVMError, ValueError) as error:
        raise BuildError(str(error)) from None
    return Variant(
        data=bytes(built.data),
        digest=built.digest,
        entries=dict(built.entries),
        gates={root: (gate, control) for root, (gate, control) in built.gates.items()},
        needs={name: [(m, o) for m, o in keys] for name, keys in built.needs.items()},
        functions=tuple(built.functions),
        counters=tuple(
            Counters(c.name, c.hash, c.symbol, c.count, c.targets, c.sites) for c in built.counters
        ),
        build_s=time.perf_counter() - begin,
        build_cpu_s=time.process_time() - begin_cpu,
    )


def llvm() -> str:
    """The version of LLVM that builds."""
    from halojit import _native

    return _native.llvm_version()


def host() -> tuple[str, str]:
    """LLVM's name of this machine's processor, and its features."""
    from halojit import _native

    return _native.host_cpu()
