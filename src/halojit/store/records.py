"""Rows that other rows point to: programs, regions, recipes, objects. Put when first needed.

In: a transaction that writes. Out: ids. Of two servers that put the same row one waits for the
other, as both update it: so a row that is pointed to is not trimmed meanwhile.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, delete, select, update

from halojit.model.region import Recipe
from halojit.store import schema
from halojit.store.codec import encode, quoted, seal
from halojit.store.database import Database
from halojit.store.sealed import object_key


class Records:
    """Of one transaction, at one time."""

    def __init__(self, database: Database, connection: Connection, now: float) -> None:
        self._database = database
        self._connection = connection
        self._now = now

    def program(self, build: str, cpu: str, executable: str | None = None) -> int:
        """Its id. It was seen now; a name that is None stays as it was."""
        row = {
            "key": seal(build, cpu),
            "build": quoted(build),
            "cpu": quoted(cpu),
            "executable": quoted(executable or ""),
            "seen": self._now,
        }
        kept = ["executable"] if executable is None else []
        return int(self.put(schema.program, ["key"], row, kept).id)

    def region(self, program: int, root: str) -> int:
        """Its id."""
        row = {"program": program, "key": seal(root), "root": quoted(root)}
        return int(self.put(schema.region, ["program", "key"], row).id)

    def recipe(self, recipe: Recipe) -> int:
        """Its id."""
        text = encode(recipe)
        row = {"key": seal(text), "text": text, "used": self._now}
        return int(self.put(schema.recipe, ["key"], row).id)

    def object(self, data: bytes) -> str:
        """Its key."""
        key = object_key(data)
        row = {"key": key, "bytes": len(data), "used": self._now, "data": data}
        self.put(schema.object_, ["key"], row)
        return key

    def is_quarantined(self, program: int, digest: str) -> bool:
        """Is the object never to be deployed for it?"""
        table = schema.quarantine
        query = select(table.c.id).where(
            table.c.program == program, table.c.digest == quoted(digest)
        )
        return self._connection.execute(query).first() is not None

    def quarantine(self, program: int, digest: str, reason: str) -> None:
        """And what had been kept of it goes; a first reason stays."""
        table, variant, region = schema.quarantine, schema.variant, schema.region
        key = {"program": program, "digest": quoted(digest)}
        row = key | {"reason": quoted(reason), "since": self._now}
        self.put(table, list(key), row, kept=["reason", "since"])
        regions = select(region.c.id).where(region.c.program == program)
        self._connection.execute(
            delete(variant).where(variant.c.digest == key["digest"], variant.c.region.in_(regions))
        )

    def forget(self, region: int) -> None:
        """Its variants are no candidates any more."""
        variant = schema.variant
        self._connection.execute(
            update(variant).where(variant.c.region == region).values(is_candidate=0)
        )

    def add(self, table: Table, row: dict[str, Any]) -> None:
        """Beside others like it."""
        self._connection.execute(table.insert().values(**row))

    def put(
        self, table: Table, key: list[str], row: dict[str, Any], kept: list[str] | None = None
    ) -> Any:
        """Inserts, or updates the row of the same key but for the columns in `kept`; answers its
        primary key. What was damaged is whole again."""
        insert = self._database.insert(table).values(**row)
        news = {name: value for name, value in row.items() if name not in (kept or ())}
        put = insert.on_conflict_do_update(index_elements=key, set_=news)
        return self._connection.execute(put.returning(*table.primary_key)).one()
