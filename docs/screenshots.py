"""Makes docs/repl-console.png and docs/repl-notebook.png anew, from real sessions.

`python docs/screenshots.py`, with Debian's chromium, and nbconvert and Pillow beside what
`make setup` installs. The console runs in a pseudo-terminal whose screen pyte keeps and rich draws;
the notebook is the example, run by nbclient.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from PIL import Image, ImageChops, ImageOps
from rich.console import Console
from rich.style import Style
from rich.text import Text

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from harness import terminal  # noqa: E402
from harness.notebook import installed_kernels  # noqa: E402

COLUMNS, LINES = 90, 45
MARGIN = 12
PROMPT = "halo>"
SESSION = (
    "#include <map>",
    "#include <string>",
    'std::map<std::string, int> ages{{"Ada", 36}, {"Alan", 41}};',
    "int *find(const char *name) { return ages.count(name) ? &ages[name] : nullptr; }",
    "int birthday(const char *name) { return ++*find(name); }",
    'birthday("Ada")',
    'ages.clear(); birthday("Grace");',
    "ages",
    "ages.earse",
    "%undo",
)
UNFINISHED = "ages.e\t"


def colour(name: str) -> str | None:
    """As rich wants it: pyte has names and hexadecimal digits."""
    if name == "default":
        return None
    if len(name) == 6 and all(each in "0123456789abcdef" for each in name):
        return f"#{name}"
    return name.replace("bright", "bright_").replace("brown", "yellow")


def drawn(shown: terminal.Terminal) -> Text:
    """The screen with its colours, down to the last line that has any."""
    text = Text()
    height = max(row for row, line in enumerate(shown.lines()) if line) + 1
    for row in range(height):
        for column in range(COLUMNS):
            each = shown.cell(row, column)
            style = Style(
                color=colour(each.fg),
                bgcolor=colour(each.bg),
                bold=each.bold,
                underline=each.underscore,
                reverse=each.reverse,
            )
            text.append(each.data, style)
        text.append("\n")
    text.right_crop()
    return text


def console_svg() -> str:
    """A session at the console, in the midst of a completion."""
    terminal.COLUMNS, terminal.LINES = COLUMNS, LINES
    with tempfile.TemporaryDirectory() as state:
        environment = dict(os.environ, XDG_STATE_HOME=state)
        command = [str(Path(sys.executable).with_name("halo-repl"))]
        with terminal.Terminal(command, environment) as shown:
            shown.wait_until(lambda: shown.line == PROMPT, "a prompt")
            for each in SESSION:
                row = shown.row
                shown.send(each + "\r")
                shown.wait_until(lambda row=row: shown.row > row and shown.line == PROMPT, each)
            shown.send(UNFINISHED)
            shown.wait_for("equal_range")
            page = Console(width=COLUMNS, record=True, file=io.StringIO())
            page.print(drawn(shown), no_wrap=True, crop=False)
    return page.export_svg(title="halo-repl")


def notebook_html() -> str:
    """The example notebook with its outputs."""
    notebook = nbformat.read(HERE.parent / "examples" / "notebook.ipynb", as_version=4)
    with tempfile.TemporaryDirectory() as directory, installed_kernels(Path(directory)):
        NotebookClient(notebook, kernel_name="halo-cpp20", allow_errors=True).execute()
    html, _ = HTMLExporter().from_notebook_node(notebook)
    return html


def photograph(page: str, suffix: str, size: str, target: Path) -> None:
    """Draws a page in Chromium and cuts off the margins."""
    with tempfile.TemporaryDirectory() as directory:
        source, shot = Path(directory) / f"page.{suffix}", Path(directory) / "shot.png"
        source.write_text(page)
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--window-size={size}", f"--screenshot={shot}", f"file://{source}"]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        image = Image.open(shot).convert("RGB")
    paper = image.getpixel((image.width - 1, image.height - 1))
    blank = Image.new("RGB", image.size, paper)
    cut = image.crop(ImageChops.difference(image, blank).getbbox())
    ImageOps.expand(cut, MARGIN, paper).quantize(128).save(target)


if __name__ == "__main__":
    photograph(console_svg(), "svg", "1120,1200", HERE / "repl-console.png")
    photograph(notebook_html(), "html", "900,2200", HERE / "repl-notebook.png")
