"""Tables: made once, migrated step by step, and left alone when they are not ours."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from harness.store import BUILD, CPU, EVIDENCE, KEYS, RECIPE, ROOT, variant
from sqlalchemy import Inspector, inspect, text

from halojit.store import schema
from halojit.store.database import Database
from halojit.store.errors import StoreError
from halojit.store.store import Store

COMMENT = "ALTER TABLE halo_program ADD COLUMN comment TEXT NOT NULL DEFAULT 'none'"


def made_by(url: str, version: int) -> Database:
    """A database as the program of that version made it."""
    database = Database(url)
    with database.write("make", is_exclusive=True) as connection:
        schema.migrate(connection, version)
    return database


def shape(database: Database) -> dict[str, Any]:
    """What the database says its tables are."""

    def of(there: Inspector, table: str) -> Any:
        columns = {c["name"]: (str(c["type"]), c["nullable"]) for c in there.get_columns(table)}
        return (
            columns,
            there.get_pk_constraint(table)["constrained_columns"],
            sorted(
                (key["constrained_columns"], key["referred_table"], key["options"])
                for key in there.get_foreign_keys(table)
            ),
            sorted(sorted(key["column_names"]) for key in there.get_unique_constraints(table)),
            sorted(
                (str(index["name"]), index["column_names"])
                for index in there.get_indexes(table)
                if "duplicates_constraint" not in index
            ),
        )

    with database.read("read") as connection:
        there = inspect(connection)
        return {table: of(there, table) for table in there.get_table_names()}


def test_the_steps_lead_to_the_tables(url: str, another_url: str) -> None:
    stepped, declared = made_by(url, len(schema.STEPS)), Database(another_url)
    with declared.write("make") as connection:
        schema.TABLES.create_all(connection)
    found, wanted = shape(stepped), shape(declared)
    if stepped.is_sqlite:
        # SQLAlchemy spells types differently there, and does not see what a deletion does.
        for columns, _, foreign, _, _ in (*found.values(), *wanted.values()):
            columns.pop("id", None)
            for name, (kind, is_null) in columns.items():
                columns[name] = (kind.replace("DOUBLE", "REAL"), is_null)
            foreign[:] = [key[:2] for key in foreign]
    assert found == wanted
    stepped.close()
    declared.close()


def test_a_first_database_still_opens(url: str) -> None:
    """Rows as the first version wrote them, after all steps that came later."""
    database = made_by(url, 1)
    rows = [
        "INSERT INTO halo_program (key, build, cpu, executable, seen) "
        "VALUES ('82295a7c3b38c7a426ce3a4b21ac0735', 'b', 'c', '/bin/p', 1.5)",
        "INSERT INTO halo_quarantine (program, digest, reason, since) VALUES (1, 'd', 'died', 1.5)",
    ]
    with database.write("fill") as connection:
        for row in rows:
            connection.execute(text(row))
    database.close()
    store = Store.open(url)
    assert [(row.build, row.executable, row.seen) for row in store.programs()] == [
        ("b", "/bin/p", 1.5)
    ]
    assert store.is_quarantined("b", "c", "d")
    store.close()


def test_a_step_keeps_what_there_is(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_one(url)
    monkeypatch.setattr(schema, "STEPS", [*schema.STEPS, COMMENT])
    store = Store.open(url)
    assert [known.variant for known in store.best(BUILD, CPU)] == [variant()]
    store.close()
    database = Database(url)
    with database.read("read") as connection:
        assert schema.version(connection) == len(schema.STEPS)
        assert connection.scalar(text("SELECT comment FROM halo_program")) == "none"
    database.close()


def test_a_step_that_fails_leaves_no_trace(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_one(url)
    with monkeypatch.context() as patch:
        patch.setattr(
            schema, "STEPS", [*schema.STEPS, f"{COMMENT}; ALTER TABLE nothing ADD x TEXT"]
        )
        with pytest.raises(StoreError, match="cannot migrate"):
            Store.open(url)
    monkeypatch.setattr(schema, "STEPS", [*schema.STEPS, COMMENT])
    store = Store.open(url)
    assert [known.variant for known in store.best(BUILD, CPU)] == [variant()]
    store.close()


def test_a_newer_database_is_refused(url: str) -> None:
    keep_one(url)
    database = Database(url)
    with database.write("age") as connection:
        connection.execute(text("UPDATE halo_schema SET version = 99"))
    before = shape(database)
    with pytest.raises(StoreError, match=r"a newer Halo made it \(tables of version 99.*update"):
        Store.open(url)
    assert shape(database) == before
    database.close()


@pytest.mark.parametrize("version", [None, 99])
def test_a_file_that_is_not_ours_is_not_touched(tmp_path: Path, version: int | None) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        table = "bookmarks" if version is None else "halo_schema"
        other.execute(f"CREATE TABLE {table} (version INTEGER)")
        other.execute(f"INSERT INTO {table} VALUES ({version or 1})")
    other.close()
    path.chmod(0o600)
    os.utime(path, (1, 1))
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"something else|newer"):
        Store.open(str(path))
    assert path.read_bytes() == before
    assert path.stat().st_mtime == 1
    assert [one.name for one in tmp_path.iterdir()] == ["other.db"]


def keep_one(url: str) -> None:
    store = Store.open(url)
    store.keep_variant(BUILD, CPU, ROOT, KEYS, RECIPE, variant(), EVIDENCE, 0.25)
    store.close()
