"""The programs of shared behaviour: which sources, which arguments, on how many swaps to insist.

One entry a case; a case is run plainly, alone, under `adapt` and under `stress` by
test_edge_programs.py. Numbers are those of the list of what real programs do (docs/edge-cases.md).
"""

from __future__ import annotations

from dataclasses import replace

from harness.program import Program

LANGUAGE = [
    # 1: statics and their guards
    Program("statics", ("statics.c", "one/part.c", "two/part.c")),
    Program("guards", ("guards.cpp",)),
    # 2: COMDAT
    Program("comdat", ("comdat.cpp", "comdat_a.cpp", "comdat_b.cpp")),
    # 3: constants
    Program("constants", ("constants.cpp", "constants_foreign.cpp")),
    # 4: function pointers
    Program("pointers", ("pointers.c", "pointers_elsewhere.c")),
    # 5: thread-locals
    Program("tls", ("tls.cpp", "tls_foreign.cpp")),
    # 6: exceptions
    Program("exceptions", ("exceptions.cpp",)),
    Program("noexcept", ("noexcept.cpp",)),
    Program("uncaught", ("noexcept.cpp",), ("uncaught",)),
    # 7: calling conventions
    Program("jumps", ("jumps.c",)),
    Program("abi", ("abi.c",)),
    Program("vectors", ("vectors.c",)),
    Program("vectors-avx2", ("vectors.c",), flags=("-O2", "-mavx2")),
    Program("vectors-fma", ("vectors.c",), flags=("-O2", "-mavx2", "-mfma")),
    Program("vectors-native", ("vectors.c",), flags=("-O3", "-march=native")),
    Program("rounding", ("rounding.c",)),
    Program("rounding-native", ("rounding.c",), flags=("-O3", "-march=native")),
    # 8: recursion
    Program("recursion", ("recursion.c",)),
    Program("recursion-O1", ("recursion.c",), flags=("-O1",)),
]

MAIN = [
    # 9: loops in functions that are entered once
    Program("main-nest", ("main_nest.c",)),
    Program("main-nest-O3", ("main_nest.c",), flags=("-O3", "-march=native", "-ffp-contract=off")),
    Program("main-events", ("main_events.c",)),
    Program("main-sums", ("main_sums.c",)),
    Program("main-leaves", ("main_leaves.c",)),
    Program("main-leaves-Os", ("main_leaves.c",), flags=("-Os", "-g")),
    Program("main-objects", ("main_objects.cpp",)),
    Program("main-objects-lto", ("main_objects.cpp",), flags=("-O2", "-flto=thin", "-fuse-ld=lld")),
    Program("main-frames", ("main_frames.c",)),
    Program("main-threads", ("main_threads.c",)),
]

THREADS = [
    # 10
    Program("crowd", ("crowd.c",)),
    Program("stayers", ("stayers.c",)),
    Program("churn", ("churn.c",)),
]

LIBRARIES = (
    ("tuned.so", "plugin.c", True),
    ("plain.so", "plugin.c", False),
    ("stays.so", "plugin.c", True),
)
EXITS = (
    "return",
    "exit",
    "_exit",
    "_Exit",
    "quick_exit",
    "abort",
    "sigterm",
    "sigsegv",
    "trap",
    "thread_exit",
    "thread_last",
    "thread_abort",
)

PROCESSES = [
    # 11
    Program("forks", ("forks.c",)),
    Program("forkwork", ("forkwork.c",)),
    Program("daemons", ("daemons.c",)),
    Program("plugins", ("plugins.c",), libraries=LIBRARIES, link=("-ldl",)),
    Program(
        "linked",
        ("linked.c",),
        libraries=(("liblinked.so", "linked_library.c", True),),
        link=("-L.", "-llinked", "-Wl,-rpath,$ORIGIN"),
    ),
    *(Program(f"exits-{mode}", ("exits.cpp",), (mode,)) for mode in EXITS),
    Program("busyexit", ("busyexit.c",)),
    Program("busyexit-group", ("busyexit.c",), ("exit_group",)),
]

SYSTEM = [
    # 12
    Program("single", ("single.cpp",)),
    Program("sigprof", ("sigprof.c",)),
    Program("sigsegv", ("sigsegv.c",)),
    Program("sigchld", ("sigchld.c",)),
    Program("sigchld-ignored", ("sigchld.c",), ("ignores",)),
    Program("blocked", ("blocked.c",)),
    Program("descriptors", ("descriptors.c",)),
    Program("descriptors-loop", ("descriptors.c",), ("loop",)),
    *(
        Program(f"limits-{mode}", ("limits.c",), (mode,))
        for mode in ("files", "memory", "stack", "mlockall")
    ),
    # Lowers the limit and fills what is left at once: there may be no room for any variant.
    Program("limits-oom", ("limits.c",), ("oom",), least_swaps=0),
    Program("seccomp-strict", ("seccomp.c",), ("strict",)),
    Program("seccomp-filter", ("seccomp.c",), ("filter",)),
    Program("setuid", ("other_user.c",), ("setuid",)),
    Program("seteuid", ("other_user.c",), ("seteuid",)),
    Program("undumpable", ("other_user.c",), ("dumpable",)),
]

# 13: flags, on programs that between them use statics, constants, exceptions, TLS and COMDAT.
_C = Program("mixed-c", ("statics.c", "one/part.c", "two/part.c"))
_CXX = Program("mixed-cxx", ("comdat.cpp", "comdat_a.cpp", "comdat_b.cpp"))
_THROWS = Program("mixed-throws", ("exceptions.cpp",))
_TLS = Program("mixed-tls", ("tls.cpp", "tls_foreign.cpp"))
_GC = ("-ffunction-sections", "-fdata-sections")


def _flags(base: Program, *flags: str, **changes: object) -> Program:
    name = "-".join([base.name, *(flag.strip("-") for flag in flags)]).replace("/", "_")
    return replace(base, name=name, flags=flags, **changes)  # type: ignore[arg-type]


BUILDS = [
    _flags(_C, "-O0"),
    _flags(_CXX, "-O0"),
    _flags(_CXX, "-Os"),
    _flags(_C, "-Oz"),
    _flags(_THROWS, "-O3", "-g"),
    _flags(_TLS, "-O2", "-s"),
    _flags(_C, "-O2", "-static"),
    _flags(_THROWS, "-O2", "-static"),
    _flags(_TLS, "-O2", "-static-pie"),
    _flags(_THROWS, "-O2", "-static-pie", "-fPIE"),
    _flags(_C, "-O2", "-no-pie", "-fno-pie"),
    _flags(_CXX, "-O2", "-no-pie", "-fno-pie"),
    _flags(_TLS, "-O2", "-fPIC"),
    _flags(_C, "-O2", "-flto=full", "-fuse-ld=lld"),
    _flags(_CXX, "-O2", "-flto=thin", "-fuse-ld=lld"),
    _flags(_THROWS, "-O2", "-flto=full", "-fuse-ld=lld"),
    _flags(_TLS, "-O2", "-flto=thin", "-fuse-ld=lld"),
    # Its functions are left alone: nothing need be swapped.
    _flags(_C, "-O2", "-ffast-math", least_swaps=0),
    _flags(_CXX, "-O3", "-march=native"),
    _flags(_CXX, "-O2", "-fcf-protection"),
    _flags(_C, "-O2", "-fcf-protection", "-no-pie"),
    _flags(_CXX, "-O2", "-fvisibility=hidden"),
    _flags(_C, "-O2", "-fno-plt"),
    _flags(_CXX, "-O2", "-fno-semantic-interposition"),
    _flags(_CXX, "-O2", *_GC, "-fuse-ld=bfd", "-Wl,--gc-sections"),
    _flags(_CXX, "-O2", *_GC, "-fuse-ld=lld", "-Wl,--gc-sections"),
    # gold drops the tables: untunable, and right.
    _flags(_CXX, "-O2", *_GC, "-fuse-ld=gold", "-Wl,--gc-sections", least_swaps=0),
    _flags(_C, "-O2", "-fuse-ld=gold"),
    _flags(_C, "-O2", "-fuse-ld=lld"),
    _flags(_C, "-O2", "-fuse-ld=bfd"),
    _flags(_C, "-O2", "-fuse-ld=lld", "-Wl,--icf=safe"),
    _flags(_THROWS, "-O2", "-mcmodel=medium"),
    _flags(_C, "-O2", "-fomit-frame-pointer"),
    _flags(_C, "-O2", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2"),
    _flags(_THROWS, "-O2", "-fno-asynchronous-unwind-tables"),
    _flags(_C, "-O2", "-std=c11"),
]
ALL = [*LANGUAGE, *MAIN, *THREADS, *PROCESSES, *SYSTEM, *BUILDS]
