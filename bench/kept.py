"""What the parts of the deciding table measured, a JSON file a program, so that it can be done in
pieces: each part replaces or extends its own entry, and the table is made from what is there.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import machine


class Kept:
    """The directory of results."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, program: str) -> dict[str, Any]:
        """All parts of it; empty where nothing was measured or the file was torn."""
        try:
            found: dict[str, Any] = json.loads(self._path(program).read_text())
        except (OSError, ValueError):
            return {}
        return found

    def part(self, program: str, name: str) -> dict[str, Any]:
        """One part; empty where it was not measured."""
        found: dict[str, Any] = self.read(program).get(name, {})
        return found

    def write(self, program: str, name: str, part: dict[str, Any]) -> None:
        """Replaces that part."""
        self._directory.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        stamp = {"when": now, "commit": machine.commit(), "processor": machine.processor()}
        whole = {**self.read(program), "program": program, name: {**stamp, **part}}
        self._replace(program, whole)

    def drop(self, program: str, name: str) -> None:
        """Forgets that part."""
        whole = self.read(program)
        if whole.pop(name, None) is not None:
            self._replace(program, whole)

    def _replace(self, program: str, whole: dict[str, Any]) -> None:
        path = self._path(program)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(whole) + "\n")
        fresh.replace(path)

    def _path(self, program: str) -> Path:
        return self._directory / f"{program}.json"
