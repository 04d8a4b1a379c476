"""A bank's table file: its tables, its version, and how it is checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    insert,
    inspect,
    select,
)

from lesionscope.errors import InputError

VERSION = 1
APPLICATION_ID = 0x4C53_4231
"""``LSB1`` in the file's header (PRAGMA application_id): the file is ours."""
PAGE_BYTES = 16384
"""Lesions take about 2 kB each: SQLite's usual pages would hold one, and be half empty."""

metadata = MetaData()
meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
lesions = Table(
    "lesions",
    metadata,
    Column("row", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("sentence", Text, nullable=False),
    Column("thumbnail", LargeBinary, nullable=False),
    Column("x0", Float, nullable=False),
    Column("y0", Float, nullable=False),
    Column("x1", Float, nullable=False),
    Column("y1", Float, nullable=False),
    Column("patient_key", Text, nullable=False, index=True),
    Column("study_key", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("series_uid", Text, nullable=False),
    Column("x_lps_mm", Float),
    Column("y_lps_mm", Float),
    Column("z_lps_mm", Float),
    Column("long_mm", Float),
    Column("short_mm", Float),
)
"""One row a lesion, ``row`` being the place of its embedding, from 0."""
names = Table(
    "names",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("label", Text, nullable=False, unique=True),
)
labels = Table(
    "labels",
    metadata,
    Column("number", ForeignKey("names.number"), primary_key=True),
    Column("row", ForeignKey("lesions.row"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)
appends = Table(
    "appends",
    metadata,
    Column("first", Integer, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
)
"""The embeddings that came together: from which row, how many, and the digest of their bytes."""
given = Table("given", metadata, Column("digest", Text, primary_key=True), sqlite_with_rowid=False)
"""Digests of what lesions were given as, under the site's secret; earlier banks lack the table."""


@dataclass(frozen=True)
class BankPackage:
    """The model package whose embeddings a bank holds; ``sha256`` is of what makes an embedding."""

    name: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.sha256[:12]})"


def make(engine: Engine, package: BankPackage, dimension: int) -> None:
    """Make the tables of a new bank."""
    raw = engine.raw_connection()
    raw.cursor().execute(f"PRAGMA page_size={PAGE_BYTES}")  # not within a transaction
    raw.close()
    with engine.begin() as connection:
        _make_tables(connection, package, dimension)


def _make_tables(connection: Connection, package: BankPackage, dimension: int) -> None:
    metadata.create_all(connection)
    connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")
    values = {
        "package_name": package.name,
        "package_version": package.version,
        "package_sha256": package.sha256,
        "dimension": str(dimension),
    }
    connection.execute(insert(meta), [{"key": name, "value": value} for name, value in values.items()])


def head(connection: Connection, path: Path) -> tuple[BankPackage, int]:
    """Check an opened file, and return whose embeddings it holds and their dimension.

    Raises
    ------
    InputError
        Another program's file, a newer version, or tables that lack what they should hold.
    """
    application = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    if application != APPLICATION_ID:
        raise InputError(f"{path} is no bank of known lesions: choose a folder that 'bank build' made.")
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if version > VERSION:
        raise InputError(
            f"{path} was written by a newer Lesionscope (bank version {version}, this one knows {VERSION}): "
            "update Lesionscope to open it; the bank was left as it is."
        )
    if set(metadata.tables) - {given.name} <= set(inspect(connection).get_table_names()):
        known = {row.key: row.value for row in connection.execute(select(meta))}
        try:
            package = BankPackage(*(known[f"package_{name}"] for name in ("name", "version", "sha256")))
            dimension = int(known["dimension"])
            if dimension > 0:
                return package, dimension
        except (KeyError, ValueError):
            pass
    raise InputError(f"{path} is damaged (a table is missing or makes no sense): build the bank again.")
