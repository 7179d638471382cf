"""What a store drops: what has expired, then what was not used for longest, until it fits.

In: a transaction that excludes others that trim. Objects are large and can be built again, so they
go first; recipes and evidence are small and stay until they expire, unless there are very many.
Rows that another server uses meanwhile have a new time of use, and stay.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, exists, func, select

from halojit.store.schema import object_, program, recipe, trial, variant

ROOM = 0.9
"""Of the bound is left after trimming: not every new object is to trim again."""
TRIAL_BYTES = 1024
"""About, with its indexes."""
TRIALS_SHARE = 0.25
GRACE_S = 86400.0
"""What nothing points to is kept so long: a transaction may be about to."""


@dataclass(frozen=True)
class Bound:
    """How much and how long."""

    limit_bytes: int
    expiry_s: float


def trim(connection: Connection, bound: Bound, now: float) -> bool:
    """Has anything been dropped?"""
    expired = now - bound.expiry_s
    statements = [
        delete(program).where(program.c.seen < expired),
        delete(trial).where(trial.c.tried < expired),
        delete(object_).where(object_.c.used < expired),
        delete(object_).where(
            object_.c.used < now - GRACE_S, ~exists().where(variant.c.object == object_.c.key)
        ),
    ]
    dropped = sum(connection.execute(statement).rowcount for statement in statements)
    dropped += _trim_trials(connection, bound)
    dropped += _trim_objects(connection, bound)
    dropped += connection.execute(
        delete(recipe).where(
            recipe.c.used < now - GRACE_S,
            ~exists().where(variant.c.recipe == recipe.c.id),
            ~exists().where(trial.c.recipe == recipe.c.id),
        )
    ).rowcount
    return dropped > 0


def _trim_trials(connection: Connection, bound: Bound) -> int:
    limit = int(bound.limit_bytes * TRIALS_SHARE / TRIAL_BYTES)
    first = connection.scalar(
        select(trial.c.id).order_by(trial.c.id.desc()).offset(max(1, limit)).limit(1)
    )
    if first is None:
        return 0
    return connection.execute(delete(trial).where(trial.c.id <= first)).rowcount


def _trim_objects(connection: Connection, bound: Bound) -> int:
    trials = connection.scalar(select(func.count()).select_from(trial)) or 0
    beside = func.coalesce(func.sum(variant.c.bytes), 0)
    rows = connection.execute(
        select(object_.c.key, object_.c.used, object_.c.bytes + beside)
        .outerjoin(variant, variant.c.object == object_.c.key)
        .group_by(object_.c.key)
        .order_by(object_.c.used, object_.c.key)
    ).all()
    total = trials * TRIAL_BYTES + sum(row[2] for row in rows)
    if total <= bound.limit_bytes:
        return 0
    dropped = 0
    for key, used, size in rows:
        if total <= ROOM * bound.limit_bytes:
            break
        dropped += connection.execute(
            delete(object_).where(object_.c.key == key, object_.c.used == used)
        ).rowcount
        total -= size
    return dropped
