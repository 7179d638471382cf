"""Knobs of all but loops: target, inlining, branches, layout, code generation."""

from halojit.model.knob import as_it_seems, choice, one_of, usually_off, usually_on

TARGET = (
    choice(
        "features",
        "instruction sets of the processor that code may use",
        "all",
        {"no-avx512": {"features": "-avx512f"}, "no-avx": {"features": "-avx"}},
    ),
    one_of(
        "tune",
        "the processor whose costs and latencies the optimizer assumes",
        "attr.tune-cpu",
        "same generic haswell icelake-server znver4",
    ),
    one_of(
        "prefer-vector-width",
        "widest vectors, in bits, that the vectorizer makes",
        "prefer-vector-width",
        "auto 128 256 512",
    ),
)

INLINING = (
    one_of(
        "region-limit",
        "instructions of callees compiled with the root; a profile fits only its own limit",
        "region-limit",
        "4000 0 300 1000 16000",
    ),
    one_of(
        "inline-threshold",
        "cost up to which a callee is inlined",
        "inline-threshold",
        "auto 0 25 100 500 1000 2500",
    ),
    one_of(
        "hot-callsite-threshold",
        "the same for call sites that a profile calls hot",
        "llvm.hot-callsite-threshold",
        "3000 500 10000",
    ),
    one_of(
        "local-callsite-threshold",
        "the same for call sites in the hottest blocks of their function",
        "llvm.locally-hot-callsite-threshold",
        "525 100 2000",
    ),
    usually_off(
        "partial-inlining",
        "inlines the early exits of a callee and calls the rest",
        "llvm.enable-partial-inlining",
    ),
    choice(
        "function-specialization",
        "copies of a function for arguments that are constants at some call sites",
        "auto",
        {"off": {"llvm.funcspec-max-clones": "0"}, "force": {"llvm.force-specialization": "true"}},
    ),
    usually_off(
        "hot-cold-split",
        "moves code that a profile calls cold into functions of its own",
        "llvm.hot-cold-split",
    ),
)

SCALARS = (
    one_of(
        "jump-threading",
        "instructions that may be copied to jump past a condition that is known",
        "llvm.jump-threading-threshold",
        "6 0 20",
    ),
    usually_off(
        "jump-threading-loops",
        "jumps past the heads of loops as well",
        "llvm.jump-threading-across-loop-headers",
    ),
    usually_off(
        "dfa-jump-threading",
        "turns state machines around a switch into jumps",
        "llvm.enable-dfa-jump-thread",
    ),
    usually_off(
        "gvn-hoist", "computes what both branches compute before them", "llvm.enable-gvn-hoist"
    ),
    usually_off(
        "gvn-sink", "computes what both branches compute after them", "llvm.enable-gvn-sink"
    ),
    usually_off("newgvn", "another search for values that are equal", "llvm.enable-newgvn"),
    usually_on(
        "hoist-common",
        "moves instructions common to two branches in front of them",
        "llvm.simplifycfg-hoist-common",
    ),
    usually_on(
        "sink-common",
        "moves instructions common to two branches behind them",
        "llvm.simplifycfg-sink-common",
    ),
    one_of(
        "speculation",
        "cost of branches that are replaced by computing both sides",
        "llvm.two-entry-phi-node-folding-threshold",
        "4 0 16",
    ),
    usually_on(
        "constraint-elimination",
        "removes conditions that follow from others",
        "llvm.enable-constraint-elimination",
    ),
    one_of(
        "instcombine-scan",
        "instructions that aggressive-instcombine looks at to merge loads",
        "llvm.aggressive-instcombine-max-scan-instrs",
        "64 0 512",
    ),
    usually_off(
        "height-reduction",
        "tests several likely conditions of a profile at once",
        "passes.scalar-late",
        "chr",
    ),
    usually_off(
        "select-branches",
        "turns selections into branches where their outcome can be foreseen",
        "llvm.disable-select-optimize",
        "false",
    ),
    one_of(
        "jump-tables",
        "cases from which a switch becomes a jump through a table",
        "llvm.min-jump-table-entries",
        "4 12 10000",
    ),
)

LAYOUT = (
    one_of("align-loops", "bytes that loops are aligned to", "align-loops", "auto 32 64"),
    choice(
        "align-functions",
        "bytes that functions are aligned to",
        "16",
        {"32": {"llvm.align-all-functions": "5"}, "64": {"llvm.align-all-functions": "6"}},
    ),
    choice(
        "align-branch-targets",
        "bytes that blocks are aligned to which are only jumped to",
        "auto",
        {
            "16": {"llvm.align-all-nofallthru-blocks": "4"},
            "32": {"llvm.align-all-nofallthru-blocks": "5"},
        },
    ),
    usually_off(
        "align-branches",
        "keeps branches off 32-byte boundaries (an erratum of Intel's processors)",
        "llvm.x86-branches-within-32B-boundaries",
    ),
    as_it_seems(
        "ext-tsp",
        "orders blocks by the extended traveling-salesman model",
        "llvm.enable-ext-tsp-block-placement",
    ),
    usually_on(
        "block-placement",
        "orders blocks by how likely they follow each other",
        "llvm.disable-block-placement",
        "true",
    ),
    usually_on("tail-merge", "shares equal ends of blocks", "llvm.enable-tail-merge"),
    one_of(
        "tail-duplication",
        "instructions that may be copied to save a jump, when blocks are ordered",
        "llvm.tail-dup-placement-aggressive-threshold",
        "4 0 12",
    ),
)

CODE = (
    one_of("regalloc", "the register allocator", "regalloc", "greedy basic"),
    one_of(
        "spill-mode",
        "where live ranges are split around spills",
        "llvm.split-spill-mode",
        "default size speed",
    ),
    usually_off(
        "regalloc-reverse",
        "assigns registers to short ranges from the last to the first",
        "llvm.greedy-reverse-local-assignment",
    ),
    choice(
        "cmov-conversion",
        "turns conditional moves in loops into branches (where that seems to gain, never, always)",
        "auto",
        {
            "off": {"llvm.x86-cmov-converter": "false"},
            "all": {"llvm.x86-cmov-converter-force-all": "true"},
        },
    ),
    usually_off(
        "early-if-conversion", "makes conditional moves of branches", "llvm.x86-early-ifcvt"
    ),
    usually_on("lsr", "loop strength reduction", "llvm.disable-lsr", "true"),
    usually_on(
        "machine-licm",
        "moves what does not change out of loops, in machine code",
        "llvm.disable-machine-licm",
        "true",
    ),
    usually_on(
        "machine-sink",
        "moves machine code to where its result is needed",
        "llvm.disable-machine-sink",
        "true",
    ),
    choice(
        "scheduler",
        "the order of instructions before registers are assigned",
        "auto",
        {
            "off": {"llvm.enable-misched": "false"},
            "ilp-max": {"llvm.misched": "ilpmax"},
            "ilp-min": {"llvm.misched": "ilpmin"},
        },
    ),
    one_of(
        "selection-order",
        "the order of instructions as they are selected",
        "llvm.pre-RA-sched",
        "default list-ilp list-burr source",
    ),
    usually_on(
        "late-scheduler",
        "reorders instructions after registers are assigned",
        "llvm.enable-post-misched",
    ),
)
