"""What -fhalo does to a clang command line.

In: the arguments after the program's name, response files expanded, and the directory of Halo's
libraries. Out: the arguments for clang, or a `CommandError`. Knows clang's options only as far as
it must: which take a value, which stop before the link. Imports nothing, because it runs before
every compile.
"""

# Options whose value is the next argument: neither an input nor a mode, whatever it looks like.
_TAKES_VALUE = frozenset(
    "-o -x -I -D -U -L -F -l -T -u -z -e -b -B -G -A -include -include-pch -imacros "
    "-isystem -idirafter -iquote -iprefix -iwithprefix -iwithprefixbefore -isysroot --sysroot "
    "-MF -MT -MQ -MJ -Xclang -Xlinker -Xassembler -Xpreprocessor -Xanalyzer -mllvm "
    "-mthread-model -arch -target --target --param -aux-info -framework -iframework "
    "-working-directory -gcc-toolchain -resource-dir -rpath -soname -dynamic-linker "
    "-stdlib++-isystem -cxx-isystem -dumpdir -serialize-diagnostics --serialize-diagnostics "
    "-ccc-gcc-name -Xopenmp-target -Xarch_host -Xarch_device -fmodule-name -ivfsoverlay "
    "-Ttext -Tdata -Tbss --config --output --include-directory --define-macro --language".split()
)
# Modes that never reach the linker.
_STOPS_BEFORE_LINK = frozenset(
    "-c -S -E -M -MM -fsyntax-only --precompile -emit-ast --analyze --preprocess --compile "
    "--assemble --syntax-only -emit-interface-stubs -extract-api -emit-pch --emit-static-lib "
    "-rewrite-objc -verify-pch".split()
)
# A header is precompiled, not linked.
_HEADERS = (".h", ".H", ".hh", ".hpp", ".hxx", ".h++", ".hp", ".tcc")
_FREESTANDING = frozenset(("-nostdlib", "-nodefaultlibs", "-nostartfiles", "-nolibc"))
_LINKS_PARTIALLY = frozenset(("-r", "-i", "--relocatable", "-relocatable"))
_LINKS_SHARED = frozenset(("-shared", "--shared", "-Bshareable"))
# Options that clang does not know.
OWN = ("-fhalo", "-fno-halo", "-fhalo-outline", "-fno-halo-outline")


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


def _outlines(arguments: list[str]) -> bool:
    """May loops of functions that are entered once become functions? The last one wins here too."""
    for argument in reversed(arguments):
        if argument in ("-fhalo-outline", "-fno-halo-outline"):
            return argument == "-fhalo-outline"
    return True


def rewrite(arguments: list[str], library_dir: str, default_linker: str = "ld.bfd") -> list[str]:
    """Clang's arguments for a command line. `default_linker` is what plain `ld` really is.

    Raises CommandError for sanitizers and for targets other than 64-bit x86 Linux.
    """
    plain = [argument for argument in arguments if argument not in OWN]
    if not asks_for_halo(arguments):
        return plain
    options, linker, has_input = _read(plain)
    _refuse(plain)
    if not has_input:
        return plain
    added = [f"-fpass-plugin={library_dir}/HaloPass.so"]
    if not _outlines(arguments):
        # Options of a plugin are known only once it is loaded, which pass plugins are too late for.
        added += [f"-fplugin={library_dir}/HaloPass.so", "-mllvm", "-halo-outline=false"]
    if not _STOPS_BEFORE_LINK & options and not _LINKS_PARTIALLY & (linker | options):
        # A program without libc's start-up code has nothing that would start the monitor.
        is_freestanding = bool(_FREESTANDING & options) and "-lc" not in options
        is_shared = bool(_LINKS_SHARED & (linker | options))
        added += link_arguments(library_dir, is_executable=not is_shared and not is_freestanding)
        if _collects_garbage_with_gnu_ld(plain, linker, default_linker):
            added += ["-Xlinker", "-T", "-Xlinker", f"{library_dir}/../driver/halo.ld"]
    # Assembly has no use for the plugin, and that is no reason for a warning.
    wrapped = ["--start-no-unused-arguments", *added, "--end-no-unused-arguments"]
    # Behind a "--" everything is a file's name.
    end = plain.index("--") if "--" in plain else len(plain)
    return [*plain[:end], *wrapped, *plain[end:]]


def link_arguments(library_dir: str, is_executable: bool) -> list[str]:
    """What a link needs: the note that finds the image's sections and, in executables, the monitor.

    Through -Xlinker, so that a `-x c` before them does not make them C sources.
    """
    linked = ["--eh-frame-hdr", f"{library_dir}/halo-image.o"]
    if is_executable:
        linked.append(f"{library_dir}/halo-monitor.o")
    return [word for argument in linked for word in ("-Xlinker", argument)]


def _collects_garbage_with_gnu_ld(
    arguments: list[str], linker: set[str], default_linker: str
) -> bool:
    """Does the link need halo.ld? Not where the user has a linker script already."""
    if not {"--gc-sections", "-gc-sections"} & linker:
        return False
    if any(word.startswith(("-T", "--script")) for word in [*arguments, *linker]):
        return False
    for argument in reversed(arguments):
        name, _, value = argument.partition("=")
        if name in ("-fuse-ld", "--ld-path"):
            return value.endswith("bfd")
    return default_linker.endswith(("bfd", "/ld"))


def _read(arguments: list[str]) -> tuple[set[str], set[str], bool]:
    """The options without their separate values, the words for the linker, and: is there input?
    Where all inputs are headers, -c is among the options."""
    options: set[str] = set()
    linker: set[str] = set()
    has_input = False
    is_linked = False
    language = ""
    expecting = ""
    for position, argument in enumerate(arguments):
        if expecting:
            if expecting == "-Xlinker":
                linker.add(argument)
            elif expecting == "-l":
                has_input = is_linked = True
                options.add(f"-l{argument}")
            elif expecting in ("-x", "--language"):
                language = argument
            expecting = ""
        elif argument == "--":
            has_input = has_input or position + 1 < len(arguments)
            is_linked = is_linked or _is_linked(arguments[position + 1 :], language)
            break
        elif argument in _TAKES_VALUE:
            expecting = argument
        elif argument == "-" or not argument.startswith("-"):
            has_input = True
            is_linked = is_linked or _is_linked([argument], language)
        elif argument.startswith("-Wl,"):
            linker.update(argument.split(",")[1:])
        else:
            options.add(argument)
            if argument.startswith("-l"):
                has_input = is_linked = True
            elif argument.startswith("-x"):
                language = argument[2:]
    if not is_linked:
        options.add("-c")
    return options, linker, has_input


def _is_linked(files: list[str], language: str) -> bool:
    """Does one of these inputs reach the linker, unless an option says otherwise?"""
    if language and language != "none":
        return bool(files) and not language.endswith(("-header", "-unit"))
    return any(not file.endswith(_HEADERS) for file in files)


def _refuse(arguments: list[str]) -> None:
    sanitizers: set[str] = set()
    target = "x86_64-linux"
    width = "-m64"
    for position, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "-fsanitize":
            sanitizers.update(filter(None, value.split(",")))
        elif name == "-fno-sanitize":
            sanitizers = set() if "all" in value.split(",") else sanitizers - set(value.split(","))
        elif argument in ("-m32", "-mx32", "-m16", "-m64"):
            width = argument
        elif name == "--target" and value:
            target = value
        elif argument in ("-target", "--target") and position + 1 < len(arguments):
            target = arguments[position + 1]
    if width != "-m64":
        raise CommandError(f"-fhalo supports 64-bit x86 Linux only, not {width}; drop one of them")
    if not (target.startswith(("x86_64-", "amd64-")) and "linux" in target) or "x32" in target:
        raise CommandError(f"-fhalo supports 64-bit x86 Linux only, not {target}; drop one of them")
    if sanitizers:
        raise CommandError(
            f"-fhalo cannot be combined with -fsanitize={','.join(sorted(sanitizers))}: the checks "
            "would be missing from the code that Halo makes; drop one of them (-fno-halo switches "
            "Halo off)"
        )
