"""Start clang with the rewritten command line: what the halo-clang and halo-clang++ scripts run.

In: sys.argv and the directory of Halo's libraries. Out: never returns, unless an error keeps clang
from starting (exit status 1, clang's own for a bad command line). Imports only os and sys, run
without `site`: the whole detour costs a few milliseconds.
"""

import os
import sys

from halojit.driver import command

_LONG_BYTES = 100_000


def run(name: str, library_dir: str) -> None:
    """Replaces this process by clang. `name` is "clang" or "clang++"."""
    arguments = sys.argv[1:]
    if any(a.startswith(("-fhalo", "-fno-halo", "@")) for a in arguments):
        expanded = _expand(arguments)
        if command.asks_for_halo(expanded):
            for file in ("HaloPass.so", "halo-image.o", "halo-monitor.o"):
                if not os.path.exists(f"{library_dir}/{file}"):
                    _fail(f"{library_dir}/{file} is missing: run `make setup` again")
            try:
                arguments = _shorten(
                    command.rewrite(expanded, library_dir, _default_linker(expanded))
                )
            except command.CommandError as error:
                _fail(str(error))
        elif any(argument in command.OWN for argument in expanded):
            arguments = _shorten(command.rewrite(expanded, library_dir))
    program = _find(name)
    try:
        os.execv(program, [program, *arguments])
    except OSError as error:
        _fail(f"cannot start {program}: {error.strerror}")


def _default_linker(arguments: list[str]) -> str:
    """What `ld` leads to, looked up only where it matters."""
    if any("gc-sections" in argument for argument in arguments):
        for directory in os.get_exec_path():
            if os.access(f"{directory}/ld", os.X_OK):
                return os.path.realpath(f"{directory}/ld")
    return "ld.bfd"


def _shorten(arguments: list[str]) -> list[str]:
    """Response files may hold more than a command line can: then they become one again, in memory
    that goes away with the compiler."""
    if sum(map(len, arguments)) < _LONG_BYTES:
        return arguments
    quoted = ['"' + a.replace("\\", "\\\\").replace('"', '\\"') + '"' for a in arguments]
    descriptor = os.memfd_create("halo-clang", 0)
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(os.fsencode("\n".join(quoted)))
    return [f"@/proc/self/fd/{descriptor}"]


def _find(name: str) -> str:
    """clang 22: $HALO_CLANG_DIR, then PATH, then where Debian's packages keep it."""
    places = [os.path.join(directory, f"{name}-22") for directory in os.get_exec_path()]
    places.append(f"/usr/lib/llvm-22/bin/{name}")
    chosen = os.environ.get("HALO_CLANG_DIR")
    if chosen:
        places.insert(0, os.path.join(chosen, name))
    for place in places:
        if os.access(place, os.X_OK):
            return place
    return _fail(
        f"{name}-22 is not installed (in PATH or /usr/lib/llvm-22/bin): apt install clang-22"
    )


def _expand(arguments: list[str], depth: int = 0) -> list[str]:
    """Replaces @files by what they hold; clang complains about the unreadable ones."""
    result = []
    for argument in arguments:
        if argument.startswith("@") and depth < 20:
            try:
                with open(argument[1:], encoding="utf-8", errors="surrogateescape") as file:
                    text = file.read()
            except OSError:
                result.append(argument)
                continue
            result += _expand(_split(text), depth + 1)
        else:
            result.append(argument)
    return result


def _split(text: str) -> list[str]:
    """Words by the GNU rules: quotes group, a backslash takes the next character."""
    words: list[str] = []
    word: list[str] | None = None
    quote = ""
    characters = iter(text)
    for character in characters:
        if character == "\\":
            word = (word or []) + [next(characters, "")]
        elif quote:
            if character == quote:
                quote = ""
            else:
                word = (word or []) + [character]
        elif character in "\"'":
            quote = character
            word = word or []
        elif character.isspace():
            if word is not None:
                words.append("".join(word))
            word = None
        else:
            word = (word or []) + [character]
    if word is not None:
        words.append("".join(word))
    return words


def _fail(message: str) -> str:
    sys.stderr.write(f"halo-clang: error: {message}\n")
    sys.exit(1)
