"""What mining writes: JSON lines, or the label file that LesaNet's authors released.

Both are written beside their place and moved there whole. A form turns a row into something small
in the worker that mined it, so that only that travels between processes.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lesionscope.errors import InputError, LesionscopeError, UsageError
from lesionscope.files import open_part

if TYPE_CHECKING:
    from collections.abc import Callable

    from lesionscope.mining.miner import MinedSentence
    from lesionscope.mining.rows import Row
    from lesionscope.ontology.label_graph import LabelGraph

RELATIONS = ("relevant", "uncertain", "irrelevant")
_SPLITS = {
    "train": ("train", "training", "1"),
    "val": ("val", "valid", "validation", "dev", "development", "2"),
    "test": ("test", "testing", "3"),
}
"""What a split may be called; the numbers are those of ``DL_info.csv``."""

# A line must stay one for readers that also break lines at these.
_ENDS = {mark: f"\\u{ord(mark):04x}" for mark in "\x85\u2028\u2029"}
_END = re.compile("[" + "".join(_ENDS) + "]")


class Form(Protocol):
    """How results are written."""

    def render(self, row: Row, mined: MinedSentence) -> Any:
        """Make what is kept of a row; runs in a worker, on a copy of the form."""

    def refuse(self, row: Row) -> str | None:
        """Say why a row can't stand in this form, before it is mined."""

    def add(self, row: Row, rendered: Any, write: Callable[[bytes], None]) -> None:
        """Take a row's result, in order."""

    def finish(self, write: Callable[[bytes], None]) -> None:
        """Write what is left to write."""


class JsonLines:
    """A line of JSON for each sentence, in the order of the file."""

    def __init__(self, graph: LabelGraph) -> None:
        self._graph = graph
        self._place = {label.name: place for place, label in enumerate(graph.labels)}

    def render(self, row: Row, mined: MinedSentence) -> bytes:
        """Return the line.

        ``labels`` of a bookmark are expanded as those of the sentence are; its ``uncertain`` are
        among them.
        """
        place = self._place.__getitem__
        bookmarks = []
        for number, mark in enumerate(mined.bookmarks):
            own = [mention for mention in mined.mentions if mention.bookmark == number]
            relevant = {mention.label for mention in own if mention.relation == "relevant"}
            uncertain = {mention.label for mention in own if mention.relation == "uncertain"}
            labels = self._graph.expand(relevant | uncertain)
            bookmarks.append(
                {
                    "start": mark.start,
                    "end": mark.end,
                    "text": mark.text,
                    "target": mark.target,
                    "labels": sorted(labels, key=place),
                    "uncertain": sorted(uncertain - self._graph.expand(relevant), key=place),
                }
            )
        return json_line(
            {
                "id": row.id,
                "text": mined.text,
                "labels": list(mined.labels),
                "mentions": [
                    {
                        "start": mention.start,
                        "end": mention.end,
                        "text": mention.text,
                        "label": mention.label,
                        "relation": mention.relation,
                        "bookmark": mention.bookmark,
                    }
                    for mention in mined.mentions
                ],
                "bookmarks": bookmarks,
            }
        )

    def refuse(self, row: Row) -> str | None:
        """Refuse nothing."""
        return None

    def add(self, row: Row, rendered: bytes, write: Callable[[bytes], None]) -> None:
        """Write the line."""
        write(rendered)

    def finish(self, write: Callable[[bytes], None]) -> None:
        """Nothing is left."""


class LesaNetLabels:
    """The released label file: lesions by split, and by relation their labels' places among the core.

    Several sentences of one lesion are merged: relevant in one wins over uncertain in another,
    and that over irrelevant. Lists are in the vocabulary's order and hold no repeats; relevant
    ones are expanded, the others as matched. As released, only the training part has irrelevant
    labels. A lesion is kept as three sets of bits, so that memory follows the lesions alone.
    """

    def __init__(self, graph: LabelGraph) -> None:
        self._terms = tuple(graph.core)
        self._bit = {name: 1 << place for place, name in enumerate(self._terms)}
        self._split: dict[int, str] = {}
        self._labels: dict[int, tuple[int, int, int]] = {}

    def render(self, row: Row, mined: MinedSentence) -> tuple[int, int, int]:
        """Return the sentence's core labels of each relation, as bits."""
        relevant, uncertain, irrelevant = (
            sum({self._bit.get(name, 0) for name in mined.by_relation(relation)}) for relation in RELATIONS
        )
        return relevant, uncertain, irrelevant

    def refuse(self, row: Row) -> str | None:
        """Refuse a row without a lesion and a split, or whose lesion has another split."""
        try:
            lesion, split = lesion_idx(row.lesion_idx), split_name(row.split)
        except ValueError as error:
            return str(error)
        before = self._split.setdefault(lesion, split)
        if before != split:
            return f"its lesion {lesion} is in the {before} split by an earlier line, and in {split} here"
        return None

    def add(self, row: Row, rendered: tuple[int, int, int], write: Callable[[bytes], None]) -> None:
        """Merge a sentence into its lesion."""
        lesion = lesion_idx(row.lesion_idx)
        relevant, uncertain, irrelevant = (
            a | b for a, b in zip(self._labels.get(lesion, (0, 0, 0)), rendered, strict=True)
        )
        uncertain &= ~relevant
        self._labels[lesion] = (relevant, uncertain, irrelevant & ~(relevant | uncertain))

    def finish(self, write: Callable[[bytes], None]) -> None:
        """Write the whole file, lesions in the order in which they first came."""
        write(b'{\n "term_list": ' + json.dumps(self._terms, ensure_ascii=False).encode())
        for split in ("train", "val", "test"):
            # Those whose every sentence failed have no labels, not empty ones.
            lesions = [lesion for lesion in self._labels if self._split[lesion] == split]
            self._list(f"{split}_lesion_idxs", (str(lesion) for lesion in lesions), write)
            for place, relation in enumerate(RELATIONS if split == "train" else RELATIONS[:2]):
                lists = (str(_places(self._labels[lesion][place])) for lesion in lesions)
                self._list(f"{split}_{relation}_labels", lists, write)
        write(b"\n}\n")

    @staticmethod
    def _list(name: str, items: Iterator[str], write: Callable[[bytes], None]) -> None:
        write(f',\n "{name}": ['.encode())
        for number, item in enumerate(items):
            write(f"{',' if number else ''}\n  {item}".encode())
        write(b"\n ]")


FORMS: dict[str, Callable[[LabelGraph], Form]] = {"jsonl": JsonLines, "lesanet": LesaNetLabels}


def json_line(content: Any) -> bytes:
    """Return one line of JSON in UTF-8; in ASCII where UTF-8 can't hold it (half a surrogate pair)."""
    dump = partial(json.dumps, content, allow_nan=False)
    try:
        line = dump(ensure_ascii=False)
        if _END.search(line):
            line = _END.sub(lambda end: _ENDS[end.group()], line)
        return line.encode() + b"\n"
    except UnicodeEncodeError:
        return dump().encode() + b"\n"


def lesion_idx(value: Any) -> int:
    """Return a 0-based row of ``DL_info.csv``; a table may have written it as 12.0.

    Raises
    ------
    ValueError
        It is none; the message says so as part of a sentence.
    """
    if value is None or value == "":
        raise ValueError("it has no lesion_idx, which the LesaNet form needs")
    if not isinstance(value, bool | list | dict) and re.fullmatch(
        r"\d{1,9}(\.0+)?", str(value).strip(), re.A
    ):
        return int(float(value))
    raise ValueError("its lesion_idx is no row number (0 or more)")


def split_name(value: Any) -> str:
    """Return "train", "val" or "test".

    Raises
    ------
    ValueError
        It is none of those; the message says so as part of a sentence.
    """
    if value is None or value == "":
        raise ValueError("it has no split, which the LesaNet form needs")
    said = "" if isinstance(value, bool) else str(value).strip().casefold().removesuffix(".0")
    for name, words in _SPLITS.items():
        if said in words:
            return name
    raise ValueError("its split is none of train, val and test")


@contextmanager
def writing(out: Path | None) -> Iterator[Callable[[bytes], None]]:
    """Give a function that writes bytes: to the standard output, or to a file that appears when done.

    Raises
    ------
    InputError
        The folder is missing, or ``out`` is one.
    LesionscopeError
        The disk is full…: nothing was changed there.
    """
    if out is None:
        yield from _to_standard_output()
        return
    if out.is_dir():
        raise InputError(f"{out} is a folder: name a file to write.")
    if not out.parent.is_dir():
        raise InputError(
            f"There is no folder {out.parent} to write {out.name} into: make it, or name another."
        )
    try:
        if out.exists() and not out.is_file():
            # A pipe or a device can't be replaced by a file.
            temporary, stream = None, out.open("wb")
        else:
            place = out.resolve()
            temporary, stream = open_part(place)
    except OSError as error:
        raise _unwritable(str(out), error) from error
    writer = _Writer(stream, str(out))
    try:
        yield writer.write
        writer.finish(to_disk=temporary is not None)
        if temporary is not None:
            try:
                temporary.replace(place)
            except OSError as error:
                raise _unwritable(str(out), error) from error
    finally:
        writer.close()
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _to_standard_output() -> Iterator[Callable[[bytes], None]]:
    sys.stdout.flush()
    writer = _Writer(getattr(sys.stdout, "buffer", None) or _TextOnly(), "The standard output")
    try:
        yield writer.write
        writer.finish(to_disk=False)
    except LesionscopeError:
        if writer.failed:
            # Python would try once more at exit, and complain.
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


class _Writer:
    """Writes bytes to a stream; what goes wrong becomes a sentence, but for a pipe that nobody reads."""

    def __init__(self, stream: Any, name: str) -> None:
        self._stream = stream
        self._name = name
        self.failed = False

    def write(self, data: bytes) -> None:
        with self._told():
            self._stream.write(data)

    def finish(self, to_disk: bool) -> None:
        with self._told():
            self._stream.flush()
            if to_disk:
                os.fsync(self._stream.fileno())
                self._stream.close()

    def close(self) -> None:
        # What couldn't be written before can't be now either.
        with contextlib.suppress(OSError):
            self._stream.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            self.failed = True
            raise _unwritable(self._name, error) from error


class _TextOnly:
    """A standard output that takes no bytes, as notebooks have."""

    @staticmethod
    def write(data: bytes) -> None:
        sys.stdout.write(data.decode())

    @staticmethod
    def flush() -> None:
        sys.stdout.flush()


def _unwritable(name: str, error: OSError) -> LesionscopeError:
    return LesionscopeError(
        f"{name} could not be written ({error.strerror or error}); no file was changed: "
        "free some space or choose another place, and try again."
    )


def _places(bits: int) -> list[int]:
    return [place for place in range(bits.bit_length()) if bits >> place & 1]


def form_named(name: str) -> Callable[[LabelGraph], Form]:
    """Return what makes a form.

    Raises
    ------
    UsageError
        There is none of that name.
    """
    if name not in FORMS:
        raise UsageError(f"There is no form {name!r}: use {' or '.join(FORMS)}.")
    return FORMS[name]
