"""A bank of known lesions on disk.

A folder of two files. ``embeddings.f32`` holds nothing but embeddings, float32, little-endian, one after
another, so that it can be mapped into memory; ``bank.sqlite`` holds everything else, and with it how many
embeddings count. An append writes embeddings behind the last one that counts, has them on the disk, and
then commits its rows in one transaction of SQLite's: killed at any moment, the bank is what it was before
the append or what it is after it. What an append that was killed left behind is written over by the next.
Shards with a manifest would be as safe, but a bank that grows by a lesion at a time would be a folder of
thousands of files.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sqlalchemy import Connection, Engine, func, select

from lesionscope.database import engine_for
from lesionscope.errors import InputError, LesionscopeError, UsageError
from lesionscope.files import new_folder
from lesionscope.lock import WriterLock
from lesionscope.ontology.label_graph import load_labels
from lesionscope.retrieval import schema
from lesionscope.retrieval.known import KnownLesion, Neighbour
from lesionscope.retrieval.nearest import nearest, unit
from lesionscope.retrieval.rows import (
    damaged,
    origin_of,
    plain_errors,
    records,
    roll_back_killed,
    take_lock,
    write_behind,
    write_rows,
)
from lesionscope.retrieval.schema import BankPackage
from lesionscope.retrieval.thumbnails import unpack

TABLES = "bank.sqlite"
EMBEDDINGS = "embeddings.f32"


class OtherBank(InputError):
    """A bank holds another package's embeddings than those asked about."""


class Bank:
    """Known lesions of one model package; make it with :meth:`create` or :meth:`open`.

    Safe to share between threads. What another process appends is found from the next query on.

    Attributes
    ----------
    folder
        Where it lies.
    package
        Whose embeddings it holds.
    dimension
        Of its embeddings.
    """

    def __init__(
        self, folder: Path, engine: Engine, package: BankPackage, dimension: int, lock: WriterLock | None
    ) -> None:
        self.folder = folder
        self.package = package
        self.dimension = dimension
        self._engine = engine
        self._lock = lock
        self._guard = threading.RLock()
        self._mapped: NDArray[np.float32] = np.empty((0, dimension), dtype=np.float32)

    @classmethod
    def create(cls, folder: str | Path, package: BankPackage, dimension: int) -> Bank:
        """Make an empty bank in a new or empty folder, and open it for appending.

        Raises
        ------
        InputError
            There are files in the folder already.
        LesionscopeError
            It can't be written.
        """
        folder = Path(folder)
        with new_folder(folder) as place:
            engine = engine_for(place / TABLES, read_only=False)
            try:
                schema.make(engine, package, dimension)
            finally:
                engine.dispose()
            (place / EMBEDDINGS).touch()
        return cls.open(folder, package.sha256, writable=True)

    @classmethod
    def open(cls, folder: str | Path, package_sha256: str | None, *, writable: bool = False) -> Bank:
        """Open a bank.

        Parameters
        ----------
        folder
            Its folder.
        package_sha256
            The model package whose embeddings will be asked about or appended (``embedding_sha256``);
            ``None`` only to look at what it holds.
        writable
            Whether to append, which one process can do at a time.

        Raises
        ------
        InputError
            No bank, a damaged one, a newer one.
        OtherBank
            Another package's.
        LesionscopeError
            Another process appends to it, or it can't be read or written.
        """
        folder = Path(folder)
        path = folder / TABLES
        for part in (path, folder / EMBEDDINGS):
            if not part.is_file():
                raise InputError(f"{folder} is no bank of known lesions: it has no {part.name}.")
        lock = take_lock(path) if writable else None
        engine = engine_for(path, read_only=not writable)
        try:
            with plain_errors(folder):
                roll_back_killed(path)
                with engine.begin() as connection:
                    package, dimension = schema.head(connection, path)
                    if writable:
                        schema.given.create(connection, checkfirst=True)
            bank = cls(folder, engine, package, dimension, lock)
            if package_sha256 not in (None, package.sha256):
                raise OtherBank(
                    f"{folder} holds embeddings of the model {package}, which can't be compared with "
                    f"those of another: use that model, or build a bank with yours."
                )
            len(bank)
            return bank
        except BaseException:
            engine.dispose()
            if lock is not None:
                lock.release()
            raise

    def close(self) -> None:
        """Let go of the files; safe more than once."""
        with self._guard:
            self._engine.dispose()
            self._mapped = self._mapped[:0].copy()
            if self._lock is not None:
                self._lock.release()
                self._lock = None

    def __enter__(self) -> Bank:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        with self._reading() as connection:
            return len(self._vectors(connection))

    def append(self, known: Sequence[KnownLesion], given: Collection[str] = ()) -> None:
        """Add lesions (a few thousand at most), all or none; they are on the disk when it returns.

        ``given`` are digests of what they were made of, which :meth:`given` returns from then on.

        Raises
        ------
        UsageError
            The bank was not opened for appending, or has a lesion of that id.
        InputError
            Embeddings that can't be the package's.
        LesionscopeError
            The disk is full…
        """
        if self._lock is None:
            raise UsageError(f"{self.folder} was not opened for appending.")
        if not known:
            return
        vectors = np.stack([unit(lesion.embedding, self.dimension) for lesion in known]).astype("<f4")
        with self._reading() as connection:
            first = len(self._vectors(connection))
            self._refuse_known(connection, [lesion.id for lesion in known])
            try:
                write_behind(self.folder / EMBEDDINGS, first * self.dimension * 4, vectors.tobytes())
            except OSError as error:
                raise LesionscopeError(
                    f"{self.folder} could not be written ({error.strerror or error}); "
                    "the bank is as it was: free some space and go on."
                ) from error
            write_rows(connection, first, known, vectors, given)

    def query(
        self,
        embedding: ArrayLike,
        k: int = 10,
        *,
        label: str | None = None,
        exclude_patient: str | Sequence[str] | None = None,
    ) -> tuple[Neighbour, ...]:
        """Return the ``k`` known lesions most like one, nearest first.

        The distance is Euclidean between embeddings of length 1 (LesaNet §4.2 learns it by triplets); it
        ranks as the cosine does. Among equals the one that came into the bank first comes first.

        Parameters
        ----------
        embedding
            ``(d,)`` of the bank's package.
        k
            How many at most.
        label
            Only lesions with this label, or one that implies it.
        exclude_patient
            Leave this patient's lesions out, by the key or by all that there may be (see
            :func:`~lesionscope.retrieval.keys.patient_keys`).

        Raises
        ------
        UsageError
            There is no such label.
        InputError
            An embedding that can't be the package's, or a bank that was damaged since.
        """
        direction = unit(embedding, self.dimension)
        with self._reading() as connection:
            vectors = self._vectors(connection)
            allowed = self._allowed(connection, len(vectors), label, exclude_patient)
            rows, distances = nearest(vectors, direction, k, allowed)
            found = records(connection, self.folder, rows.tolist())
        return tuple(
            Neighbour(record.id, float(distance), names, record.sentence, origin_of(record))
            for (record, names), distance in zip(found, distances, strict=True)
        )

    def lesion(self, identifier: str) -> KnownLesion:
        """Return all that is known of one lesion, its picture included.

        Raises
        ------
        InputError
            There is none of that id, or its picture is damaged.
        """
        with self._reading() as connection:
            row = connection.scalar(select(schema.lesions.c.row).where(schema.lesions.c.id == identifier))
            if row is None:
                raise InputError(f"{self.folder} knows no lesion '{identifier}'.")
            ((record, names),) = records(connection, self.folder, [row])
            embedding = np.array(self._vectors(connection)[row])
        try:
            picture = unpack(record.thumbnail)
        except ValueError as error:
            raise InputError(damaged(self.folder, f"the picture of '{identifier}' makes no sense")) from error
        return KnownLesion(
            id=record.id,
            embedding=embedding,
            labels=names,
            sentence=record.sentence,
            thumbnail=picture,
            box=(record.x0, record.y0, record.x1, record.y1),
            patient_key=record.patient_key,
            study_key=record.study_key,
            origin=origin_of(record),
            long_mm=record.long_mm,
            short_mm=record.short_mm,
        )

    def knows(self, identifier: str) -> bool:
        """Whether it has a lesion of that id."""
        with self._reading() as connection:
            asked = select(schema.lesions.c.row).where(schema.lesions.c.id == identifier)
            return connection.scalar(asked) is not None

    def ids(self) -> frozenset[str]:
        """Return the ids of all its lesions."""
        with self._reading() as connection:
            return frozenset(connection.scalars(select(schema.lesions.c.id)))

    def given(self) -> frozenset[str]:
        """Return the digests of what its lesions were made of, where it was opened for appending."""
        with self._reading() as connection:
            return frozenset(connection.scalars(select(schema.given.c.digest)))

    def label_counts(self) -> Mapping[str, int]:
        """Return how many lesions have each label, the most frequent first."""
        count = func.count().label("count")
        label = schema.names.c.label
        asked = select(label, count).join(schema.labels).group_by(label).order_by(count.desc(), label)
        with self._reading() as connection:
            found = connection.execute(asked).all()
        return {name: int(number) for name, number in found}

    def patients(self) -> int:
        """Return how many patients its lesions are of."""
        with self._reading() as connection:
            return int(connection.scalar(select(func.count(schema.lesions.c.patient_key.distinct()))) or 0)

    def digest(self) -> str:
        """Return a digest of all that it holds; its tables have those of its embeddings."""
        with self._reading(), (self.folder / TABLES).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def verify(self) -> None:
        """Read everything once, and compare the embeddings with their digests.

        Raises
        ------
        InputError
            Something was changed or damaged.
        """
        with self._reading() as connection:
            problem = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
            if problem != "ok":
                raise InputError(damaged(self.folder, str(problem)))
            vectors = self._vectors(connection)
            end = 0
            for first, count, sha256 in connection.execute(
                select(schema.appends).order_by(schema.appends.c.first)
            ):
                block = np.ascontiguousarray(vectors[first : first + count])
                if first != end or hashlib.sha256(block.tobytes()).hexdigest() != sha256:
                    raise InputError(damaged(self.folder, f"{EMBEDDINGS} was changed"))
                end = first + count
            if end != len(vectors):
                raise InputError(damaged(self.folder, "not every lesion has an embedding"))

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """Give a transaction, one thread at a time; SQLite's errors become sentences."""
        with self._guard, plain_errors(self.folder):
            if self._lock is None:
                roll_back_killed(self.folder / TABLES)
            with self._engine.begin() as connection:
                yield connection

    def _vectors(self, connection: Connection) -> NDArray[np.float32]:
        """Map the embeddings that count, ``(n, d)``."""
        last = connection.scalar(select(func.max(schema.lesions.c.row)))
        count = 0 if last is None else int(last) + 1
        if count != len(self._mapped):
            path = self.folder / EMBEDDINGS
            try:
                size = path.stat().st_size
                if size < count * self.dimension * 4:
                    whole = size // (self.dimension * 4)
                    raise InputError(
                        damaged(self.folder, f"{EMBEDDINGS} holds {whole} of its {count} embeddings")
                    )
                self._mapped = np.memmap(path, dtype="<f4", mode="r", shape=(count, self.dimension))
            except OSError as error:
                raise InputError(f"{path} can't be read ({error.strerror or error}).") from error
        return self._mapped

    def _refuse_known(self, connection: Connection, names: Sequence[str]) -> None:
        there = connection.scalars(select(schema.lesions.c.id).where(schema.lesions.c.id.in_(names))).first()
        if there is not None or len(set(names)) < len(names):
            raise UsageError(f"A lesion can be in {self.folder} only once: give each an id of its own.")

    def _allowed(
        self,
        connection: Connection,
        count: int,
        label: str | None,
        exclude_patient: str | Sequence[str] | None,
    ) -> NDArray[np.bool_] | None:
        """Return which rows may be found, ``None`` for all."""
        allowed: NDArray[np.bool_] | None = None
        if label is not None:
            allowed = np.zeros(count, dtype=np.bool_)
            graph = load_labels()
            if label not in graph.by_name:
                raise UsageError(f"There is no label named '{label}'.")
            wanted = {label, *graph.descendants(label)}
            among = select(schema.labels.c.row).join(schema.names).where(schema.names.c.label.in_(wanted))
            allowed[np.fromiter(connection.scalars(among), dtype=np.intp)] = True
        if exclude_patient:
            allowed = np.ones(count, dtype=np.bool_) if allowed is None else allowed
            keys = (exclude_patient,) if isinstance(exclude_patient, str) else exclude_patient
            own = select(schema.lesions.c.row).where(schema.lesions.c.patient_key.in_(keys))
            allowed[np.fromiter(connection.scalars(own), dtype=np.intp)] = False
        return allowed
