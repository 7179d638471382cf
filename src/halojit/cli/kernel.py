"""What a kernelspec runs: `python -m halojit.cli.kernel -f CONNECTION_FILE --std=c++20`."""

from __future__ import annotations

from ipykernel.kernelapp import IPKernelApp, kernel_aliases

from halojit.repl.kernel import HaloKernel


class KernelApp(IPKernelApp):
    """ipykernel's command line, and `--std`."""

    name = "halo-kernel"
    kernel_class = HaloKernel
    # Cells do not print through Python, and a flush of ipykernel's own stream at the end may wait
    # ten seconds for a thread that has ended (7.4, 2026-11-22).
    outstream_class = ""
    classes = [*IPKernelApp.classes, HaloKernel]  # noqa: RUF012
    aliases = {**kernel_aliases, "std": "HaloKernel.standard"}  # noqa: RUF012


def main() -> None:
    """Entry point."""
    KernelApp.launch_instance()


if __name__ == "__main__":
    main()
