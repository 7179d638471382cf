"""The tables, and the numbered steps that lead to them.

In: a connection inside a transaction. Out: the same database at the version that this program
knows. A step that was released is never edited: the next change is the next step, and `TABLES`
says what they come to (a test compares the two).

    program  1--n  region  1--n  variant  n--1  object        what can be deployed
                           1--n  trial    n--1  recipe        what was tried
             1--n  quarantine

Text is quoted (codec.py). Rows that say what to run carry a seal over all that they say. Times are
seconds since 1970.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    inspect,
    select,
    text,
    update,
)

TABLES = MetaData()


def _id() -> Column[int]:
    return Column("id", BigInteger, primary_key=True)


def _of(table: str, key: str = "id") -> Column[int]:
    name = table.removeprefix("halo_")
    return Column(name, ForeignKey(f"{table}.{key}", ondelete="CASCADE"), nullable=False)


def _text(name: str, *, unique: bool = False) -> Column[str]:
    return Column(name, Text, nullable=False, unique=unique)


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _real(name: str) -> Column[float]:
    return Column(name, Double, nullable=False)


schema = Table("halo_schema", TABLES, _number("version"))
program = Table(
    "halo_program",
    TABLES,
    _id(),
    _text("key", unique=True),
    _text("build"),
    _text("cpu"),
    _text("executable"),
    _real("seen"),
)
region = Table(
    "halo_region",
    TABLES,
    _id(),
    _of("halo_program"),
    _text("key"),
    _text("root"),
    UniqueConstraint("program", "key"),
)
recipe = Table(
    "halo_recipe", TABLES, _id(), _text("key", unique=True), _text("text"), _real("used")
)
# Sizes come before what they are the size of: SQLite reads a row from its start.
object_ = Table(
    "halo_object",
    TABLES,
    Column("key", Text, primary_key=True),
    _number("bytes"),
    _real("used"),
    Column("data", LargeBinary, nullable=False),
)
variant = Table(
    "halo_variant",
    TABLES,
    _id(),
    _of("halo_region"),
    _of("halo_object", "key"),
    _of("halo_recipe"),
    _text("digest"),
    _real("gain"),
    _number("is_candidate"),
    _real("kept"),
    _text("seal"),
    _number("bytes"),
    _text("text"),
    _text("evidence"),
    UniqueConstraint("region", "digest"),
    Index("halo_variant_object", "object"),
    Index("halo_variant_recipe", "recipe"),
)
trial = Table(
    "halo_trial",
    TABLES,
    _id(),
    _of("halo_region"),
    _of("halo_recipe"),
    _text("digest"),
    _text("decision"),
    _real("gain"),
    _real("tried"),
    _text("seal"),
    _text("evidence"),
    Index("halo_trial_region", "region", "tried"),
    Index("halo_trial_recipe", "recipe"),
)
quarantine = Table(
    "halo_quarantine",
    TABLES,
    _id(),
    _of("halo_program"),
    _text("digest"),
    _text("reason"),
    _real("since"),
    UniqueConstraint("program", "digest"),
)

FIRST = """
CREATE TABLE halo_schema (version BIGINT NOT NULL);
CREATE TABLE halo_program (
  id {id}, key TEXT NOT NULL UNIQUE, build TEXT NOT NULL, cpu TEXT NOT NULL,
  executable TEXT NOT NULL, seen {real} NOT NULL);
CREATE TABLE halo_region (
  id {id}, program BIGINT NOT NULL REFERENCES halo_program (id) ON DELETE CASCADE,
  key TEXT NOT NULL, root TEXT NOT NULL, UNIQUE (program, key));
CREATE TABLE halo_recipe (
  id {id}, key TEXT NOT NULL UNIQUE, text TEXT NOT NULL, used {real} NOT NULL);
CREATE TABLE halo_object (
  key TEXT PRIMARY KEY NOT NULL, bytes BIGINT NOT NULL, used {real} NOT NULL,
  data {blob} NOT NULL);
CREATE TABLE halo_variant (
  id {id}, region BIGINT NOT NULL REFERENCES halo_region (id) ON DELETE CASCADE,
  object TEXT NOT NULL REFERENCES halo_object (key) ON DELETE CASCADE,
  recipe BIGINT NOT NULL REFERENCES halo_recipe (id) ON DELETE CASCADE,
  digest TEXT NOT NULL, gain {real} NOT NULL, is_candidate BIGINT NOT NULL, kept {real} NOT NULL,
  seal TEXT NOT NULL, bytes BIGINT NOT NULL, text TEXT NOT NULL, evidence TEXT NOT NULL,
  UNIQUE (region, digest));
CREATE INDEX halo_variant_object ON halo_variant (object);
CREATE INDEX halo_variant_recipe ON halo_variant (recipe);
CREATE TABLE halo_trial (
  id {id}, region BIGINT NOT NULL REFERENCES halo_region (id) ON DELETE CASCADE,
  recipe BIGINT NOT NULL REFERENCES halo_recipe (id) ON DELETE CASCADE,
  digest TEXT NOT NULL, decision TEXT NOT NULL, gain {real} NOT NULL, tried {real} NOT NULL,
  seal TEXT NOT NULL, evidence TEXT NOT NULL);
CREATE INDEX halo_trial_region ON halo_trial (region, tried);
CREATE INDEX halo_trial_recipe ON halo_trial (recipe);
CREATE TABLE halo_quarantine (
  id {id}, program BIGINT NOT NULL REFERENCES halo_program (id) ON DELETE CASCADE,
  digest TEXT NOT NULL, reason TEXT NOT NULL, since {real} NOT NULL, UNIQUE (program, digest))
"""

STEPS = [FIRST]

_WORDS = {
    "sqlite": {"id": "INTEGER PRIMARY KEY", "real": "REAL", "blob": "BLOB"},
    "postgresql": {
        "id": "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
        "real": "DOUBLE PRECISION",
        "blob": "BYTEA",
    },
}


def version(connection: Connection) -> int:
    """Of the database: 0 if it has no tables of ours."""
    if not inspect(connection).has_table(schema.name):
        return 0
    return int(connection.scalar(select(func.max(schema.c.version))) or 0)


def is_foreign(connection: Connection) -> bool:
    """Does it hold tables, none of them ours?"""
    names = inspect(connection).get_table_names()
    return bool(names) and schema.name not in names


def migrate(connection: Connection, to: int | None = None) -> None:
    """Takes the steps that are missing. The connection's transaction must exclude others that do
    the same; what fails is rolled back by it."""
    done = version(connection)
    to = len(STEPS) if to is None else to
    words = _WORDS[connection.dialect.name]
    for step in STEPS[done:to]:
        for statement in step.split(";"):
            connection.execute(text(statement.format(**words)))
    if done < to:
        if done:
            connection.execute(update(schema).values(version=to))
        else:
            connection.execute(schema.insert().values(version=to))
