"""What -fhalo does to a clang command line.

In: the arguments after the program's name, and the directory of Halo's libraries. Out: the
arguments for clang, or a `CommandError`. Knows clang's options only as far as it must: which take
a value, which stop before the link. Imports nothing, because it runs before every compile.
"""

# Options whose value is the next argument: not inputs, whatever the value looks like.
_TAKES_VALUE = frozenset(
    "-o -x -I -D -U -L -F -l -T -u -z -e -b -B -G -h -A -include -include-pch -imacros "
    "-isystem -idirafter -iquote -iprefix -iwithprefix -iwithprefixbefore -isysroot --sysroot "
    "-MF -MT -MQ -MJ -Xclang -Xlinker -Xassembler -Xpreprocessor -mllvm -mthread-model -arch "
    "-target --target --param -aux-info -framework -working-directory -gcc-toolchain "
    "-resource-dir -rpath -soname -dynamic-linker -stdlib++-isystem -cxx-isystem -dumpdir "
    "-serialize-diagnostics --serialize-diagnostics -ccc-gcc-name -Xopenmp-target -Xarch_host "
    "-Xarch_device -fmodule-name -ivfsoverlay -ftrapv-handler".split()
)
# Modes that never reach the linker.
_STOPS_BEFORE_LINK = frozenset(
    "-c -S -E -M -MM -fsyntax-only --precompile -emit-ast --analyze -dM --preprocess "
    "--compile --assemble -emit-interface-stubs -extract-api".split()
)
_FREESTANDING = frozenset(("-nostdlib", "-nodefaultlibs", "-nostartfiles", "-nolibc"))
_PARTIAL_LINK = frozenset(("-r", "--relocatable", "-Wl,-r", "-Wl,--relocatable"))
_SHARED = frozenset(("-shared", "--shared", "-Wl,-shared", "-Wl,--shared", "-Wl,-Bshareable"))


class CommandError(Exception):
    """The command line asks for something that -fhalo cannot be combined with."""


def asks_for_halo(arguments: list[str]) -> bool:
    """Is -fhalo in force? The last of -fhalo and -fno-halo wins."""
    for argument in reversed(arguments):
        if argument == "-fhalo":
            return True
        if argument == "-fno-halo":
            return False
    return False


def rewrite(arguments: list[str], library_dir: str) -> list[str]:
    """Clang's arguments for a command line whose response files are expanded.

    Raises CommandError for sanitizers and for targets other than 64-bit x86 Linux.
    """
    wants_halo = asks_for_halo(arguments)
    plain = [argument for argument in arguments if argument not in ("-fhalo", "-fno-halo")]
    if not wants_halo:
        return plain
    _refuse(plain)
    if not _has_input(plain):
        return plain
    added = [f"-fpass-plugin={library_dir}/HaloPass.so"]
    if not _STOPS_BEFORE_LINK.intersection(plain) and not _PARTIAL_LINK.intersection(plain):
        added += link_arguments(
            library_dir,
            is_executable=not _SHARED.intersection(plain) and not _FREESTANDING.intersection(plain),
        )
    return [*plain, "--start-no-unused-arguments", *added, "--end-no-unused-arguments"]


def link_arguments(library_dir: str, is_executable: bool) -> list[str]:
    """What a link needs: the note that finds the image's sections and, in executables, the monitor.

    Through -Xlinker, so that a `-x c` before them does not make them C sources.
    """
    linked = ["--eh-frame-hdr", f"{library_dir}/halo-image.o"]
    if is_executable:
        linked.append(f"{library_dir}/halo-monitor.o")
    return [word for argument in linked for word in ("-Xlinker", argument)]


def _has_input(arguments: list[str]) -> bool:
    takes_value = False
    for argument in arguments:
        if takes_value:
            takes_value = False
        elif argument in _TAKES_VALUE:
            takes_value = True
        elif argument == "-" or not argument.startswith("-"):
            return True
    return False


def _refuse(arguments: list[str]) -> None:
    sanitizers: set[str] = set()
    for position, argument in enumerate(arguments):
        if argument.startswith("-fsanitize="):
            sanitizers.update(argument.partition("=")[2].split(","))
        elif argument.startswith("-fno-sanitize="):
            names = argument.partition("=")[2].split(",")
            sanitizers = set() if "all" in names else sanitizers.difference(names)
        elif argument in ("-m32", "-mx32", "-m16"):
            raise CommandError(
                f"-fhalo supports 64-bit x86 Linux only, not {argument}; drop one of them"
            )
        else:
            target = None
            if argument.startswith("--target="):
                target = argument.partition("=")[2]
            elif argument in ("-target", "--target") and position + 1 < len(arguments):
                target = arguments[position + 1]
            if target is not None and not (target.startswith("x86_64") and "linux" in target):
                raise CommandError(
                    f"-fhalo supports 64-bit x86 Linux only, not {target}; drop one of them"
                )
    if sanitizers:
        raise CommandError(
            f"-fhalo cannot be combined with -fsanitize={','.join(sorted(sanitizers))}: the checks "
            "would be missing from the code that Halo makes; drop one of them (-fno-halo switches "
            "Halo off)"
        )
