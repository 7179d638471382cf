"""`halo kernel`: offers Halo's languages to Jupyter."""

from __future__ import annotations

import json
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Interactive C++ in Jupyter.", no_args_is_help=True, rich_markup_mode=None)


class Standard(StrEnum):
    """What a kernel speaks."""

    CPP17 = "c++17"
    CPP20 = "c++20"
    CPP23 = "c++23"
    C = "c"


@app.callback()
def _group() -> None:
    """Interactive C++ in Jupyter."""


@app.command()
def install(
    standard: Annotated[
        list[Standard] | None,
        typer.Option("--std", help="Only this; may be repeated. [default: all]"),
    ] = None,
    user: Annotated[bool, typer.Option("--user", help="For this user.")] = False,
    prefix: Annotated[
        Path | None, typer.Option(metavar="PREFIX", help="Under PREFIX/share/jupyter.")
    ] = None,
    sys_prefix: Annotated[
        bool, typer.Option("--sys-prefix", help="For the environment that halo is installed in.")
    ] = False,
) -> None:
    """Install the kernels "Halo C++17", "Halo C++20", "Halo C++23" and "Halo C".

    Without an option that says where: for all users of this machine.
    """
    if user + sys_prefix + (prefix is not None) > 1:
        raise typer.BadParameter("--user, --prefix and --sys-prefix exclude each other")
    try:
        import ipykernel  # noqa: F401
        from jupyter_client.kernelspec import KernelSpecManager
    except ImportError as error:
        print(
            f"halo kernel: {error.name} is not installed: pip install 'halojit[jupyter]'",
            file=sys.stderr,
        )
        raise typer.Exit(1) from None
    where = sys.prefix if sys_prefix else prefix
    for each in standard or Standard:
        with tempfile.TemporaryDirectory() as directory:
            spec = Path(directory) / "kernel.json"
            spec.write_text(json.dumps(_spec(each), indent=1))
            try:
                installed = KernelSpecManager().install_kernel_spec(
                    directory, _name(each), user=user, prefix=str(where) if where else None
                )
            except OSError as error:
                print(f"halo kernel: {error}; try --user or --sys-prefix", file=sys.stderr)
                raise typer.Exit(1) from None
        print(f"Halo {each.upper()}: {installed}")


def _name(standard: Standard) -> str:
    return f"halo-{standard.replace('c++', 'cpp')}"


def _spec(standard: Standard) -> dict[str, object]:
    command = [sys.executable, "-m", "halojit.cli.kernel", "-f", "{connection_file}"]
    return {
        "argv": [*command, f"--std={standard}"],
        "display_name": f"Halo {standard.upper()}",
        "language": "c" if standard == Standard.C else "c++",
        "interrupt_mode": "signal",
    }
