"""LLVM 22 for Python: the nanobind extension (native/). Conversion only; no policy lives here.

Every function that does work releases the GIL. Every failure of LLVM is an `LLVMError`.
"""

from collections.abc import Callable, Mapping, Sequence

class LLVMError(RuntimeError):
    """An llvm::Error, with its message."""

class BitcodeError(LLVMError):
    """A `halo_bitcode` section that is corrupt, truncated, or written by another LLVM."""

class LinkError(LLVMError):
    """An object could not be linked into the process: what was undefined or out of reach."""

class DisconnectedError(LLVMError):
    """The executor's connection is gone."""

def llvm_version() -> str: ...
def host_cpu() -> tuple[str, str]:
    """LLVM's name of this machine's CPU and its features as a "+a,-b" string."""

class Function:
    """One function of an image (read-only view)."""

    @property
    def name(self) -> str:
        """Linkage name; locals are made unique as NAME.MODULE8HEX."""
    @property
    def module(self) -> int:
        """Module id: first 8 bytes of the digest."""
    @property
    def ordinal(self) -> int: ...
    @property
    def symbols(self) -> list[tuple[int, int]]:
        """Every (module, ordinal) that may hold its address."""
    @property
    def callees(self) -> list[str]:
        """Names of functions with a body that it calls directly."""
    @property
    def reaches_itself(self) -> bool: ...
    @property
    def obstacle(self) -> str:
        """Why it can not be a region's root ("" when it can): varargs, naked, fast-math, ..."""
    @property
    def instructions(self) -> int: ...

class Image:
    """The modules of one image, linked, with locals made unique. Not thread-safe."""

    def __init__(self, section: bytes) -> None:
        """Reads a whole `halo_bitcode` section. Raises BitcodeError."""
    @property
    def functions(self) -> list[Function]: ...
    @property
    def skipped(self) -> list[str]:
        """Modules that could not be linked in, with the reason."""
    def know(self, symbols: bytes) -> None:
        """Tells what the program's table has: struct halo_resolved (protocol.h) as the monitor
        sends them; addresses do not matter; a GOT entry that leads out of the image is flagged
        HALO_RESOLVED_ELSEWHERE. Then literals are the program's own, and what the
        program has dropped is copied into regions, its address too. Raises LLVMError."""
    def build(
        self,
        roots: Sequence[str],
        *,
        cpu: str,
        features: str,
        level: int = 3,
        options: Mapping[str, str] | None = None,
        tls_offsets: Mapping[tuple[int, int], int] | None = None,
        gate: bool = True,
        instrument: bool = False,
        profile: Sequence[tuple[str, int, Sequence[int], Sequence[Sequence[tuple[str, int]]]]]
        | None = None,
        hot: Sequence[str] = (),
        recursive: bool = False,
    ) -> Object:
        """Extracts the region of `roots`, optimizes it for `cpu` and emits an object.

        Pure: the same image and arguments give the same bytes. `level` is 0..3. `tls_offsets` maps
        (module, ordinal) of thread-local variables to offsets from the thread pointer. With
        `instrument` the object counts (`counters`); `profile` is what was counted: (name, hash,
        counts, by indirect call (function, calls)). Of functions whose hash or number of counts
        differs it is not used. `hot` functions are copied before
        others; with `recursive` the gates expect that calls of the roots are nested. `options`
        are recipe knobs; an unknown one raises LLVMError:

            vectorize, slp, unroll, interleave   "on" or "off"
            loop-fusion, polly                   the same; off by default
            inline-threshold                     0..100000
            prefer-vector-width                  bits
            align-loops                          bytes
            regalloc                             "greedy" or "basic"
            features                             more of the target, after `features`
            fp                                   "strict", "contract" or "fast" (rounding)
            region-limit                         instructions of callees to copy (4000); a small
                                                 one (300) builds several times faster
            attr.NAME                            an attribute of every function; "on" or "off"
                                                 for those without a value
            llvm.NAME                            an option of LLVM's command line, as `opt` takes
                                                 it; lists with commas. All have their defaults
                                                 again when the build ends; other builds of the
                                                 process wait meanwhile
            passes                               a pipeline as `opt -passes` takes it, instead of
                                                 the level's
            passes.PLACE                         one to run in the level's, at "scalar-late",
                                                 "vectorizer-start" (of functions) or
                                                 "optimizer-last" (of modules)
        """

class Counters:
    """Where an object counts one of its functions."""

    @property
    def name(self) -> str: ...
    @property
    def hash(self) -> int:
        """LLVM's hash of the function's shape after simplification."""
    @property
    def symbol(self) -> str:
        """Data symbol of `count` u64 counters."""
    @property
    def count(self) -> int: ...
    @property
    def targets(self) -> str:
        """Data symbol of `sites` rows of four (u64 address, u64 calls); "" when no call is
        indirect."""
    @property
    def sites(self) -> int: ...

class Object:
    """A built region."""

    @property
    def data(self) -> bytes:
        """A relocatable ELF object."""
    @property
    def digest(self) -> str:
        """Hex digest of `data`."""
    @property
    def entries(self) -> dict[str, str]:
        """Root name -> symbol of its variant."""
    @property
    def gates(self) -> dict[str, tuple[str, str]]:
        """Root name -> (symbol of the gate, symbol of its halo_gate_control); absent if ungated."""
    @property
    def needs(self) -> dict[str, list[tuple[int, int]]]:
        """Undefined symbol -> (module, ordinal) candidates in the image's table, any of which
        gives its address; an empty list is a builtin to resolve by its name. So is, once the
        table is known, a function of another library that the program's final code does not call
        (strlen, expanded in place)."""
    @property
    def functions(self) -> list[str]:
        """Names of the functions it holds, roots first."""
    @property
    def counters(self) -> list[Counters]:
        """Empty unless it was built to count. Functions that were inlined early have none."""

class Session:
    """LLVM's SimpleRemoteEPC and JITLink over one connected descriptor.

    One listener thread a session, in-place dispatch; callbacks run on that thread with the GIL
    held and must only hand the value on (loop.call_soon_threadsafe). No thread per message.
    """

    def __init__(self, descriptor: int, closed: Callable[[str], None]) -> None:
        """Takes the descriptor over and waits for Setup. Raises LLVMError (garbage peer,
        time-out of 10 s). `closed(reason)` is called once when the connection ends:
        "closed" after close(), else what the peer did."""
    @property
    def triple(self) -> str: ...
    @property
    def page_bytes(self) -> int: ...
    @property
    def symbols(self) -> dict[str, int]:
        """Bootstrap symbols."""
    def call(
        self, address: int, arguments: bytes, done: Callable[[bytes | None, str], None]
    ) -> None:
        """Calls a wrapper function; `done(result, "")` or `done(None, reason)`."""
    # call, link and on_call raise DisconnectedError once the connection is gone; link raises
    # LinkError for an object that can not be read. `done` is called exactly once, on the listener
    # thread or, when the outcome is known at once, on the caller's.
    def link(
        self,
        data: bytes,
        symbols: Mapping[str, int],
        arena: int,
        done: Callable[[dict[str, tuple[int, int]] | None, str], None],
        debug: bool = False,
    ) -> None:
        """Links an object into the executor, in a scope of its own: `symbols` are all it may use.
        `arena` is the memory manager's Instance. `done` gets name -> (address, size) of every
        function and data symbol that the object defines. `debug` registers it with gdb."""
    def on_call(self, name: str, handler: Callable[[bytes], bytes]) -> None:
        """Serves calls that the executor makes to the tag at bootstrap symbol `name`."""
    def close(self) -> None:
        """Hangs up; idempotent."""
