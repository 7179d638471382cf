"""A connection to SQLite or PostgreSQL, and every way in which it fails as one kind of error.

In: a path or a URL (address.py). Out: transactions. What differs between the two databases is here
and in file.py: locks, timeouts, files and their permissions, the words of errors.

SQLite: write-ahead log, so that readers and one writer of several processes do not wait for each
other; transactions that write say so at their start, so that two never upgrade into a deadlock.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, create_engine, event, exc, text

from halojit.store import address, file, schema
from halojit.store.errors import StoreError

ADVISORY_LOCK = 0x68616C6F
"""Held by who changes tables or trims them: "halo"."""

NEXT_STEPS = (
    ("locked", "another process holds it; give each server a --store of its own if that lasts"),
    ("readonly", "make it writable, or choose another --store"),
    ("full", "make room on its disk, or choose another --store"),
    ("disk i/o", "look at its disk and quota, or choose another --store"),
    ("malformed", "move the file away: a new one is made"),
    ("not a database", "move the file away: a new one is made"),
    ("unable to open", "check its directory, or choose another --store"),
    ("permission denied", "check who may write there, or choose another --store"),
)


class Database:
    """Raises StoreError only."""

    def __init__(self, url: str) -> None:
        """Opens nothing yet, but creates an SQLite file, readable by its owner alone."""
        self._url = address.parsed(url)
        self.name = address.shown(self._url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        with self._translated("open"):
            if self.is_sqlite:
                self._prepare_file()
            self._engine = create_engine(self._url, **address.options(self._url))
        if self.is_sqlite:
            event.listen(self._engine, "connect", _prepare_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)
        else:
            event.listen(self._engine, "connect", _prepare_postgresql)

    def close(self) -> None:
        """Ends all connections."""
        with self._translated("close"):
            self._engine.dispose()

    def migrate(self) -> None:
        """Brings the tables to our version. A newer database, or somebody else's, is left as it
        is."""
        with self.read("open") as connection:
            found = schema.version(connection)
            is_foreign = self.is_sqlite and schema.is_foreign(connection)
        if found > len(schema.STEPS):
            raise self.error(
                "open",
                f"a newer Halo made it (tables of version {found}, this one knows "
                f"{len(schema.STEPS)})",
                "update Halo, or choose another --store",
            )
        if is_foreign:
            raise self.error("open", "it is a database of something else", "choose another --store")
        if self.is_sqlite:
            self._set_up_file()
        if found < len(schema.STEPS):
            with self.write("migrate", is_exclusive=True) as connection:
                schema.migrate(connection)

    @contextmanager
    def read(self, what: str) -> Iterator[Connection]:
        """A transaction that changes nothing."""
        with self._translated(what), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self, what: str, *, is_exclusive: bool = False) -> Iterator[Connection]:
        """A transaction: all or nothing. An exclusive one has no other like it beside it."""
        with self._translated(what), self._engine.connect() as plain:
            connection = plain.execution_options(halo_writes=True)
            with connection.begin():
                if is_exclusive and not self.is_sqlite:
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
                yield connection

    def insert(self, table: Table) -> Any:
        """INSERT with ON CONFLICT, which SQL's standard does not have."""
        # Imported when used: each loads every driver there is, some 50 ms.
        if self.is_sqlite:
            from sqlalchemy.dialects import sqlite

            return sqlite.insert(table)
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)

    def shrink(self) -> None:
        """Gives pages that are no longer used back to the file system."""
        if not self.is_sqlite:
            return
        with self._translated("shrink"):
            self._pragmas("PRAGMA incremental_vacuum", "PRAGMA wal_checkpoint(PASSIVE)")

    def error(self, what: str, reason: str, step: str) -> StoreError:
        """In the words of all our errors."""
        return StoreError(f"cannot {what} the store {self.name}: {reason}; {step}")

    def _prepare_file(self) -> None:
        name = self._url.database
        if not name or name == ":memory:":
            return
        if name.startswith("file:"):
            raise OSError("SQLite's own URIs are not known here")
        path = Path(os.path.abspath(name))  # noqa: PTH100 (as SQLAlchemy does)
        file.create(path)
        file.check(path)

    def _set_up_file(self) -> None:
        with self._translated("open"):
            try:
                self._pragmas("PRAGMA auto_vacuum = INCREMENTAL", "PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                # Others that have it open keep its mode; it works in every mode.
                if "locked" not in str(error) and "readonly" not in str(error):
                    raise

    def _pragmas(self, *statements: str) -> None:
        """Outside of transactions."""
        connection = self._engine.raw_connection()
        try:
            for statement in statements:
                cursor = connection.cursor()
                cursor.execute(statement)
                cursor.fetchall()
                cursor.close()
        finally:
            connection.close()

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except StoreError:
            raise
        except (exc.SQLAlchemyError, sqlite3.Error, OSError, ImportError, UnicodeError) as error:
            reason = str(getattr(error, "orig", None) or error).strip().split("\n")[0]
            raise self.error(what, reason or type(error).__name__, self._step(error, reason)) from (
                error
            )

    def _step(self, error: Exception, reason: str) -> str:
        if isinstance(error, ImportError):
            return "pip install 'halojit[postgresql]'"
        for words, step in NEXT_STEPS:
            if self.is_sqlite and words in reason.lower():
                return step
        if self.is_sqlite:
            return "choose another --store if it persists"
        return "check that PostgreSQL answers at this URL"


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Transactions are begun by _begin_sqlite, not by Python's module.
    connection.isolation_level = None
    # A damaged row is one bad row, not an error of the whole query.
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    for pragma in file.PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("halo_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = '{address.STATEMENT_S}s'")
        cursor.execute(f"SET lock_timeout = '{address.BUSY_S}s'")
    connection.commit()
