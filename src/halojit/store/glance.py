"""What `Store.best` answers of an SQLite file, read without SQLAlchemy.

In: a path. Out: what is known of a build, or None: ask the store. SQLAlchemy takes a quarter of a
second to load (November 2026), and a second run would wait that long for what it already has. Here
is one statement, read only: whatever is unusual (another version, a damaged row, a lock, a file
that others may write) is left to the store, which tells of it and mends it.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from halojit.store import file, sealed
from halojit.store.codec import BadValue, seal, unquoted
from halojit.store.rows import TOUCH_S, Known

VERSION = 1
"""Of the tables that are read here."""
BEST = """
SELECT region.id AS region, region.root, recipe.text AS recipe_text, variant.object,
  variant.digest, variant.gain, variant.text, variant.evidence, variant.seal
FROM halo_program AS program
JOIN halo_region AS region ON region.program = program.id
JOIN halo_variant AS variant ON variant.region = region.id
JOIN halo_recipe AS recipe ON recipe.id = variant.recipe
WHERE program.key = ? AND variant.is_candidate = 1 AND variant.gain >= 0
  AND NOT EXISTS (SELECT 1 FROM halo_quarantine AS quarantine
    WHERE quarantine.program = program.id AND quarantine.digest = variant.digest)
ORDER BY region.id, variant.gain DESC, variant.id
"""
OBJECT = "SELECT data, used < ? AS is_stale FROM halo_object WHERE key = ?"


@dataclass(frozen=True)
class Glance:
    """What is known, and the keys of its objects whose last use was noted too long ago."""

    known: list[Known]
    used: list[str]


def best(path: Path, build: str, cpu: str) -> Glance | None:
    """As of Store; `path` as of file.path_of."""
    with suppress(OSError, sqlite3.Error, BadValue):
        file.check(path)
        address = f"{path.as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, timeout=0, isolation_level=None, uri=True)) as reader:
            return _best(reader, build, cpu)
    return None


def _best(reader: sqlite3.Connection, build: str, cpu: str) -> Glance | None:
    for pragma in file.PRAGMAS:
        reader.execute(f"PRAGMA {pragma}")
    reader.row_factory = sqlite3.Row
    # One transaction: the row and its object are of one moment.
    reader.execute("BEGIN")
    if reader.execute("SELECT max(version) FROM halo_schema").fetchone()[0] != VERSION:
        return None
    stale_s = time.time() - TOUCH_S
    found: dict[int, Known] = {}
    used: list[str] = []
    for row in reader.execute(BEST, (seal(build, cpu),)).fetchall():
        if row["region"] in found:
            continue
        stored = reader.execute(OBJECT, (stale_s, row["object"])).fetchone()
        if stored is None:
            raise BadValue("its object is not there")
        whose = (build, cpu, unquoted(row["root"]))
        found[row["region"]] = sealed.known(whose, row, stored["data"])
        if stored["is_stale"]:
            used.append(row["object"])
    return Glance(list(found.values()), used)
