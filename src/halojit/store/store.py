"""What was learned of programs, kept for their next run.

In: variants, trials and their evidence, by build and processor. Out: what to deploy when a program
connects, and what was tried. A build is a string that stands for the same code and symbols, a cpu
one that stands for the same kind of processor: the store compares them and nothing more. It knows
no clock but the one it is given, no event loop, and nothing of what variants contain.

A row whose seal, or an object whose digest, does not match is dropped with a warning. That finds
accidents only: who may write to a store may run code in its programs (docs/store.md).
Everything that fails is a StoreError and has changed nothing.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    delete,
    exists,
    func,
    select,
    type_coerce,
    update,
)
from sqlalchemy.types import NullType

from halojit.model.evidence import Evidence
from halojit.model.function import Key
from halojit.model.region import Recipe, Variant
from halojit.store import schema, sealed
from halojit.store.codec import BadValue, quoted, seal, unquoted
from halojit.store.database import Database
from halojit.store.errors import StoreError
from halojit.store.records import Records
from halojit.store.rows import TOUCH_S, Known, ProgramRow, RegionRow, Tried
from halojit.store.trim import Bound, trim

log = logging.getLogger("halo")

TRIED = 1000
"""Trials that seed a search: the latest."""
KEEPS_A_TRIM = 64


class Store:
    """Any thread may call it. Use `open`."""

    def __init__(self, database: Database, bound: Bound, clock: Callable[[], float]) -> None:
        self._database = database
        self._bound = bound
        self._clock = clock
        # The first thing that is kept trims: many short runs must not outgrow the bound.
        self._keeps = KEEPS_A_TRIM
        self._kept_bytes = 0
        self._warned: set[tuple[str, int]] = set()

    @classmethod
    def open(
        cls,
        url: str,
        *,
        limit_bytes: int = 1 << 30,
        expiry_days: float = 180,
        clock: Callable[[], float] = time.time,
    ) -> Store:
        """A path of an SQLite file, or a URL. Creates what is missing, migrates what is old."""
        database = Database(url)
        try:
            database.migrate()
        except StoreError:
            database.close()
            raise
        return cls(database, Bound(limit_bytes, expiry_days * 86400), clock)

    def close(self) -> None:
        """Ends the connections."""
        self._database.close()

    def best(self, build: str, cpu: str) -> list[Known]:
        """Per region the variant that gained most, unless it is quarantined, forgotten, or loses
        against the original."""
        variant, region, recipe = schema.variant, schema.region, schema.recipe
        query = (
            select(variant, region.c.root, recipe.c.text.label("recipe_text"))
            .select_from(variant.join(region).join(recipe).join(schema.program))
            .where(schema.program.c.key == seal(build, cpu), _is_deployable())
            .order_by(region.c.id, variant.c.gain.desc(), variant.c.id)
        )
        found: dict[int, Known] = {}
        used: list[str] = []
        broken: dict[int, str] = {}
        with self._database.read("read") as connection:
            for row in connection.execute(query).all():
                if row.region in found:
                    continue
                data = connection.scalar(_data(row.object))
                if data is None:  # Another server trimmed it meanwhile.
                    continue
                try:
                    whose = (build, cpu, unquoted(row.root))
                    found[row.region] = sealed.known(whose, row._asdict(), data)
                    used.append(row.object)
                except BadValue as error:
                    broken[row.id] = str(error)
        self._drop(variant, broken)
        self.note_used(used)
        return list(found.values())

    def tried(self, build: str, cpu: str, root: str) -> list[Tried]:
        """The latest first, without what is quarantined."""
        trial, region, recipe = schema.trial, schema.region, schema.recipe
        query = (
            select(trial, recipe.c.text.label("recipe_text"))
            .select_from(trial.join(region).join(recipe).join(schema.program))
            .where(schema.program.c.key == seal(build, cpu), region.c.key == seal(root))
            .where(~_is_quarantined(trial.c.digest))
            .order_by(trial.c.tried.desc(), trial.c.id.desc())
            .limit(TRIED)
        )
        found: list[Tried] = []
        broken: dict[int, str] = {}
        with self._database.read("read") as connection:
            for row in connection.execute(query).all():
                try:
                    found.append(sealed.tried((build, cpu, root), row._asdict()))
                except BadValue as error:
                    broken[row.id] = str(error)
        self._drop(trial, broken)
        return found

    def keep_variant(
        self,
        build: str,
        cpu: str,
        root: str,
        root_keys: tuple[Key, ...],
        recipe: Recipe,
        variant: Variant,
        evidence: Evidence | None,
        gain: float,
    ) -> None:
        """It is best from now on if it gained most of those that were kept since the region was
        last forgotten. Kept again, its newest gain and evidence count. One that is quarantined, or
        larger than the store, is not kept."""
        _check(gain)
        row = sealed.variant_row((build, cpu, root), root_keys, recipe, variant, evidence, gain)
        if len(variant.data) > self._bound.limit_bytes:
            log.info("an object of %d bytes is too large for the store", len(variant.data))
            return
        with self._writing() as records:
            owner = records.program(build, cpu)
            if records.is_quarantined(owner, variant.digest):
                return
            row["region"] = records.region(owner, root)
            row["recipe"] = records.recipe(recipe)
            row["object"] = records.object(variant.data)
            row |= {"is_candidate": 1, "kept": self._clock()}
            records.put(schema.variant, ["region", "digest"], row)
        self._count(len(variant.data) + len(row["text"]))

    def keep_trial(
        self,
        build: str,
        cpu: str,
        root: str,
        recipe: Recipe,
        digest: str,
        evidence: Evidence | None,
        decision: str,
        gain: float,
    ) -> None:
        """Adds to what was tried. `gain` is against the original, whatever the incumbent was; a
        digest may be empty: nothing was built."""
        _check(gain)
        row = sealed.trial_row(
            (build, cpu, root), recipe, digest, evidence, decision, gain, self._clock()
        )
        with self._writing() as records:
            row["region"] = records.region(records.program(build, cpu), root)
            row["recipe"] = records.recipe(recipe)
            records.add(schema.trial, row)
        self._count(0)

    def forget_best(self, build: str, cpu: str, root: str) -> None:
        """Input or phase changed: until another is kept, none is best. Trials stay."""
        with self._writing() as records:
            records.forget(records.region(records.program(build, cpu), root))

    def quarantine(self, build: str, cpu: str, digest: str, reason: str) -> None:
        """The object is never returned again for this build, by `best` nor by `tried`."""
        with self._writing() as records:
            records.quarantine(records.program(build, cpu), digest, reason)

    def has_tried(self, build: str, cpu: str) -> bool:
        """Was anything ever tried in a program of this build?"""
        query = (
            select(schema.trial.c.id)
            .select_from(schema.trial.join(schema.region).join(schema.program))
            .where(schema.program.c.key == seal(build, cpu))
            .limit(1)
        )
        with self._database.read("read") as connection:
            return connection.execute(query).first() is not None

    def is_quarantined(self, build: str, cpu: str, digest: str) -> bool:
        """Is it never to be deployed?"""
        query = (
            select(schema.quarantine.c.id)
            .join(schema.program)
            .where(schema.program.c.key == seal(build, cpu))
            .where(schema.quarantine.c.digest == quoted(digest))
        )
        with self._database.read("read") as connection:
            return connection.execute(query).first() is not None

    def note_program(self, build: str, executable: str, cpu: str) -> None:
        """It was seen now."""
        with self._writing() as records:
            records.program(build, cpu, executable)

    def programs(self) -> list[ProgramRow]:
        """All, the latest first."""
        program, region, variant = schema.program, schema.region, schema.variant
        gain = select(func.max(variant.c.gain)).where(variant.c.region == region.c.id)
        trials = select(func.count()).where(schema.trial.c.region == region.c.id)
        parts = select(
            region.c.program,
            region.c.root,
            gain.where(_is_deployable()).scalar_subquery(),
            trials.scalar_subquery(),
        )
        regions: dict[int, list[RegionRow]] = {}
        found: list[ProgramRow] = []
        with self._database.read("read") as connection:
            for owner, root, best, count in connection.execute(parts.order_by(region.c.id)):
                regions.setdefault(owner, []).append(RegionRow(_shown(root), best, count))
            for row in connection.execute(
                select(program).order_by(program.c.seen.desc(), program.c.id.desc())
            ):
                texts = (_shown(row.build), _shown(row.cpu), _shown(row.executable))
                found.append(ProgramRow(*texts, row.seen, tuple(regions.get(row.id, ()))))
        return found

    def note_used(self, keys: list[str]) -> None:
        """Of objects; that it cannot be noted is no reason to withhold them."""
        now = self._clock()
        table = schema.object_
        stale = table.c.key.in_(keys) & (table.c.used < now - TOUCH_S)
        with suppress(StoreError):
            with self._database.read("read") as connection:
                is_stale = connection.execute(select(table.c.key).where(stale)).first() is not None
            if is_stale:
                with self._database.write("write") as connection:
                    connection.execute(update(table).where(stale).values(used=now))

    def trim(self) -> None:
        """Drops what has expired, and the least recently used objects beyond the bound."""
        self._keeps = 0
        self._kept_bytes = 0
        with self._database.write("trim", is_exclusive=True) as connection:
            has_dropped = trim(connection, self._bound, self._clock())
        if has_dropped:
            with suppress(StoreError):
                self._database.shrink()

    @contextmanager
    def _writing(self) -> Iterator[Records]:
        with self._database.write("write") as connection:
            yield Records(self._database, connection, self._clock())

    def _count(self, size: int) -> None:
        self._keeps += 1
        self._kept_bytes += size
        if self._keeps >= KEEPS_A_TRIM or self._kept_bytes > self._bound.limit_bytes // 16:
            self.trim()

    def _drop(self, table: Table, broken: dict[int, str]) -> None:
        """Where rows cannot be dropped, they are at least not warned of again."""
        for id_, reason in broken.items():
            if (table.name, id_) not in self._warned:
                self._warned.add((table.name, id_))
                log.warning(
                    "the store %s: row %d of %s is damaged and dropped: %s",
                    self._database.name,
                    id_,
                    table.name,
                    reason,
                )
        if broken:
            with suppress(StoreError), self._database.write("write") as connection:
                connection.execute(delete(table).where(table.c.id.in_(broken)))


def _check(gain: float) -> None:
    if not math.isfinite(gain):
        raise ValueError(f"a gain of {gain}: it must be finite, the logarithm of a speed-up")


def _data(key: Any) -> Select[Any]:
    # The bytes as the driver has them: SQLAlchemy would make bytes of whatever is there.
    column = type_coerce(schema.object_.c.data, NullType())
    return select(column).where(schema.object_.c.key == key)


def _is_quarantined(digest: ColumnElement[str]) -> ColumnElement[bool]:
    """Of a query that has `region`."""
    table = schema.quarantine
    found = exists().where(table.c.program == schema.region.c.program, table.c.digest == digest)
    return found.correlate(schema.region, schema.variant, schema.trial)


def _is_deployable() -> ColumnElement[bool]:
    """Of a query that has `variant` and `region`."""
    variant = schema.variant
    is_good = (variant.c.is_candidate == 1) & (variant.c.gain >= 0)
    return is_good & ~_is_quarantined(variant.c.digest)


def _shown(text: Any) -> str:
    """For people: damaged text as it is."""
    try:
        return unquoted(text)
    except BadValue:
        return str(text)
