"""Knobs of what is done to loops: unrolling, vectors, order, and Polly."""

from halojit.model.knob import as_it_seems, choice, one_of, usually_off, usually_on

_PREFETCH = {"passes.optimizer-last": "function(loop-data-prefetch)", "llvm.cache-line-size": "64"}

_JAM = {"llvm.enable-unroll-and-jam": "true", "llvm.allow-unroll-and-jam": "true"}

# Without its own idea of a matrix product, which takes 10 s to compile and runs slower than strips.
_SCOPS = {"polly": "on", "llvm.polly-pattern-matching-based-opts": "false"}

UNROLLING = (
    usually_on("unroll", "any unrolling of loops", "unroll", "off"),
    one_of("unroll-count", "copies of every loop's body", "llvm.unroll-count", "auto 1 2 4 8 16"),
    as_it_seems(
        "unroll-runtime",
        "unrolls loops whose number of iterations is known only when they run",
        "llvm.unroll-runtime",
    ),
    as_it_seems(
        "unroll-partial",
        "unrolls loops that are too long to be unrolled in full",
        "llvm.unroll-allow-partial",
    ),
    one_of(
        "unroll-full",
        "most iterations of a loop that is unrolled in full",
        "llvm.unroll-full-max-count",
        "auto 1 8 64",
    ),
    one_of(
        "unroll-threshold",
        "instructions of an unrolled loop at most",
        "llvm.unroll-threshold",
        "300 50 1000 3000",
    ),
    usually_on(
        "unroll-allow-remainder",
        "unrolls loops where iterations are left over",
        "llvm.unroll-allow-remainder",
    ),
    as_it_seems("unroll-remainder", "unrolls the left-over iterations", "llvm.unroll-remainder"),
    as_it_seems(
        "unroll-peeling", "takes first iterations out of loops", "llvm.unroll-allow-peeling"
    ),
    as_it_seems(
        "unroll-multi-exit", "unrolls loops with several exits", "llvm.unroll-runtime-multi-exit"
    ),
    choice(
        "unroll-and-jam",
        "unrolls outer loops and merges the inner ones (automatically, or by a count)",
        "off",
        {
            "on": _JAM,
            "2": _JAM | {"llvm.unroll-and-jam-count": "2"},
            "4": _JAM | {"llvm.unroll-and-jam-count": "4"},
        },
    ),
)

_FORCED = {"llvm.hints-allow-reordering": "false"}
"""LLVM takes a forced width for leave to add floating-point numbers in another order."""

VECTORIZING = (
    usually_on("vectorize", "the loop vectorizer", "vectorize", "off"),
    usually_on("interleave", "several vectors of a loop at a time", "interleave", "off"),
    choice(
        "vector-width",
        "elements of a vector, in every vectorized loop",
        "auto",
        {width: _FORCED | {"llvm.force-vector-width": width} for width in "2 4 8 16".split()},
    ),
    choice(
        "vector-interleave",
        "vectors at a time, in every vectorized loop",
        "auto",
        {count: _FORCED | {"llvm.force-vector-interleave": count} for count in "1 2 4 8".split()},
    ),
    usually_off(
        "vectorizer-passes",
        "cleans up after the vectorizer with more passes",
        "llvm.extra-vectorizer-passes",
    ),
    usually_off(
        "vector-bandwidth",
        "chooses vectors by the narrowest type of a loop, not the widest",
        "llvm.vectorizer-maximize-bandwidth",
    ),
    one_of(
        "tail-folding",
        "runs left-over iterations as masked vectors",
        "llvm.prefer-predicate-over-epilogue",
        "scalar-epilogue predicate-else-scalar-epilogue predicate-dont-vectorize",
    ),
    usually_off(
        "ordered-reductions",
        "vectorizes loops around sums that keep the source's order",
        "llvm.force-ordered-reductions",
    ),
    usually_on(
        "vector-epilogue",
        "vectorizes left-over iterations with narrower vectors",
        "llvm.enable-epilogue-vectorization",
    ),
    as_it_seems(
        "vector-groups",
        "loads and stores interleaved elements as wide vectors",
        "llvm.enable-interleaved-mem-accesses",
    ),
    as_it_seems(
        "vector-masked-groups",
        "the same under conditions",
        "llvm.enable-masked-interleaved-mem-accesses",
    ),
    one_of(
        "vector-stores-if",
        "conditional stores at most in a vectorized loop",
        "llvm.vectorize-num-stores-pred",
        "1 0 4",
    ),
    one_of(
        "memory-checks",
        "comparisons of addresses at most in front of a loop, to see whether arrays overlap",
        "llvm.runtime-memory-check-threshold",
        "8 0 32 128",
    ),
    usually_on("slp", "vectors from straight-line code", "slp", "off"),
    one_of(
        "slp-threshold",
        "gain from which straight-line code becomes vectors",
        "llvm.slp-threshold",
        "0 -8 8",
    ),
    usually_off(
        "slp-odd-sizes",
        "vectors from straight-line code whose length is no power of two",
        "llvm.slp-vectorize-non-power-of-2",
    ),
)

LOOPS = (
    usually_off(
        "loop-distribute",
        "splits loops, so that one part can be vectorized",
        "llvm.enable-loop-distribute",
    ),
    usually_off(
        "loop-interchange", "swaps nested loops, for the cache", "llvm.enable-loopinterchange"
    ),
    usually_off("loop-fusion", "merges neighbouring loops", "loop-fusion", "on"),
    usually_off("loop-flatten", "makes one loop of two nested ones", "llvm.enable-loop-flatten"),
    usually_off(
        "loop-versioning-licm",
        "a second version of a loop for when its arrays do not overlap",
        "llvm.enable-loop-versioning-licm",
    ),
    usually_on(
        "loop-promotion",
        "keeps memory that a loop updates in a register",
        "llvm.disable-licm-promotion",
        "true",
    ),
    one_of(
        "loop-unswitch",
        "size up to which a loop is copied for each outcome of a condition that stays the same",
        "llvm.unswitch-threshold",
        "50 0 500",
    ),
    one_of(
        "loop-rotation",
        "size of a loop's head that may be copied in front of it",
        "llvm.rotation-max-header-size",
        "16 4 64",
    ),
    choice(
        "prefetch",
        "fetches what a loop reads, that many instructions ahead",
        "off",
        {n: _PREFETCH | {"llvm.prefetch-distance": n} for n in ("100", "400", "1600")},
    ),
)

POLLY = (
    choice(
        "polly",
        "the polyhedral optimizer on nests of loops, where it expects to gain or wherever it can",
        "off",
        {"on": _SCOPS, "all": _SCOPS | {"llvm.polly-process-unprofitable": "true"}},
    ),
    one_of(
        "polly-vectorizer",
        "prepares inner loops for the vectorizer",
        "llvm.polly-vectorizer",
        "none stripmine",
    ),
    one_of(
        "polly-vector-width", "iterations of a prepared loop", "llvm.polly-prevect-width", "4 8 16"
    ),
    usually_on("polly-tiling", "works on tiles that fit into the cache", "llvm.polly-tiling"),
    one_of(
        "polly-tile-size",
        "iterations along a tile's side",
        "llvm.polly-default-tile-size",
        "32 8 16 64 128",
    ),
    usually_off("polly-tiles-of-tiles", "tiles for a second cache", "llvm.polly-2nd-level-tiling"),
    usually_off("polly-fusion", "merges loops wherever it can", "llvm.polly-loopfusion-greedy"),
    usually_off(
        "polly-outer-parallel",
        "prefers outer loops whose iterations do not depend on each other",
        "llvm.polly-opt-outer-coincidence",
        "yes",
    ),
    usually_on("polly-rescheduling", "reorders iterations", "llvm.polly-reschedule"),
    usually_off(
        "polly-hoisting",
        "loads what does not change once, in front of a nest",
        "llvm.polly-invariant-load-hoisting",
    ),
    one_of("polly-position", "when it runs", "llvm.polly-position", "before-vectorizer early"),
)
