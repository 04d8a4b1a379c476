"""The labels that describe a lesion, read from a table of facts: one line a label.

The bundled table (``lesion_labels.tsv``) holds LesaNet's vocabulary; any file of
the same form will do. The reader repairs nothing: what does not hang together is
refused, with the lines at fault.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from lesionscope.errors import InputError, unreadable

KINDS = ("body part", "type", "attribute")
COLUMNS = ("label", "class", "place", "parents", "exclusives", "exceptions", "synonyms", "codes")
PRIVATE_SCHEME = "99LESIONSCOPE"
"""Coding scheme of labels for which the table names no standard code (DICOM PS3.16 §8: "99" + name)."""
SEPARATOR = " | "
SHOWN_PROBLEMS = 5


@dataclass(frozen=True)
class Code:
    """A code of a terminology: ``scheme`` as DICOM designates it ("SCT", "RADLEX", or private)."""

    scheme: str
    value: str
    meaning: str


@dataclass(frozen=True)
class Label:
    """One word of the vocabulary, with what the table says of it and nothing inferred.

    ``index`` is the place among the labels that models are trained on (``None``:
    wider vocabulary). ``exceptions`` are pairs of exclusive labels, both of which this
    label is said to be (rectum: abdomen, pelvis); the pair is not applied to it.
    """

    name: str
    kind: str
    index: int | None
    parents: tuple[str, ...]
    exclusives: tuple[str, ...]
    synonyms: tuple[str, ...]
    codes: tuple[Code, ...]
    exceptions: tuple[tuple[str, str], ...] = ()


def private_code(name: str) -> Code:
    """Return the package's own code of a label: it follows from the name alone, so it stays."""
    return Code(PRIVATE_SCHEME, f"L{zlib.crc32(name.encode('utf-8')):08X}", name)


def read_labels(path: str | Path) -> tuple[Label, ...]:
    """Read and check a table of labels.

    Returns
    -------
    tuple of Label
        Those with a place first, in that order; then the others as the file has them.

    Raises
    ------
    InputError
        The file can't be read, or the table does not hang together: which lines, and why.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise unreadable(path, "a table of labels", error) from error
    return parse_labels(text, str(path))


def parse_labels(text: str, origin: str = "the table of labels") -> tuple[Label, ...]:
    """Read a table of labels from its text; see :func:`read_labels`."""
    found: list[tuple[int, Label]] = []
    problems = Problems(origin)
    header = False
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if not line.strip() or line.startswith("#"):
            continue
        cells = line.split("\t")
        if not header:
            header = True
            if tuple(cells) != COLUMNS:
                problems.add([number], f"the columns must be {', '.join(COLUMNS)}, parted by tabs")
                break
        elif len(cells) != len(COLUMNS):
            problems.add([number], f"{len(cells)} columns where {len(COLUMNS)} belong")
        else:
            label = _label(cells, lambda what, line=number: problems.add([line], what))  # type: ignore[misc]
            if label is not None:
                found.append((number, label))
    if not found and not problems.found:
        problems.add([1], "no label at all")
    problems.stop()
    _check(found, problems)
    return tuple(
        label for _, label in sorted(found, key=lambda item: (item[1].index is None, item[1].index or 0))
    )


class Problems:
    """What is wrong with a file, gathered so that one error can name every line."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.found: list[tuple[tuple[int, ...], str]] = []

    def add(self, lines: Iterable[int], what: str) -> None:
        """Note a problem and the lines (from 1) that make it."""
        self.found.append((tuple(dict.fromkeys(lines)), what))

    def stop(self) -> None:
        """Raise what was gathered, if anything."""
        if not self.found:
            return
        said = [
            f"line{'s' * (len(lines) > 1)} {', '.join(map(str, lines))}: {what}"
            for lines, what in self.found[:SHOWN_PROBLEMS]
        ]
        more = len(self.found) - len(said)
        raise InputError(
            f"{self.origin} can't be used as a table of labels; "
            + "; ".join(said)
            + f"; {more} more" * (more > 0)
        )


def _label(cells: Sequence[str], complain: Callable[[str], None]) -> Label | None:
    name, kind, place, *lists = cells
    fine = True

    def no(what: str) -> None:
        nonlocal fine
        fine = False
        complain(what)

    if not name or name != name.strip():
        no("the label is empty, or has spaces around it")
    if kind not in KINDS:
        no(f"the class {kind!r} is none of {', '.join(KINDS)}")
    if place and not (place.isascii() and place.isdigit()):
        no(f"the place {place!r} is no whole number from 0")
    columns = []
    for column, cell in zip(COLUMNS[3:], lists, strict=True):
        items = cell.split(SEPARATOR) if cell else []
        if any(not item or item != item.strip() or "|" in item for item in items):
            no(f"the {column} must be parted by {SEPARATOR!r}, none empty")
        if len(set(items)) != len(items):
            no(f"the {column} name {_first_repeat(items)!r} twice")
        columns.append(items)
    parents, exclusives, exceptions, synonyms, codes = columns
    pairs = [tuple(item.split(" + ")) for item in exceptions]
    if any(len(pair) != 2 for pair in pairs):
        no("an exception is two labels with ' + ' between them")
    parts = [tuple(item.split(":", 2)) for item in codes]
    if any(len(part) != 3 or not all(part) for part in parts):
        no("a code is written SCHEME:VALUE:MEANING")
    if any(item != item.lower() for item in synonyms):
        no("synonyms are written in lower case")
    if not fine:
        return None
    return Label(
        name,
        kind,
        int(place) if place else None,
        tuple(parents),
        tuple(exclusives),
        tuple(synonyms),
        tuple(Code(*part) for part in parts) or (private_code(name),),
        tuple((pair[0], pair[1]) for pair in pairs),
    )


def _first_repeat(items: Sequence[str]) -> str:
    return next(item for index, item in enumerate(items) if item in items[:index])


def _check(found: Sequence[tuple[int, Label]], problems: Problems) -> None:
    lines = _unique_names(found, problems)
    _places(found, problems)
    for line, label in found:
        named = (*label.parents, *label.exclusives, *(one for pair in label.exceptions for one in pair))
        for name in dict.fromkeys(named):
            if name not in lines:
                problems.add([line], f"{label.name!r} refers to {name!r}, which has no line of its own")
        if label.name in label.exclusives or label.name in label.parents:
            problems.add([line], f"{label.name!r} is listed as its own parent or exclusive")
    _unique_phrases(found, problems)
    problems.stop()
    labels = {label.name: label for _, label in found}
    order, cycle = parents_first({name: label.parents for name, label in labels.items()})
    if cycle:
        problems.add([lines[name] for name in cycle], "the parents run in a circle: " + " → ".join(cycle))
        problems.stop()
    _contradictions([labels[name] for name in order], lines, problems)
    problems.stop()


def _unique_names(found: Sequence[tuple[int, Label]], problems: Problems) -> dict[str, int]:
    lines: dict[str, int] = {}
    for line, label in found:
        if label.name in lines:
            problems.add([lines[label.name], line], f"the label {label.name!r} stands there twice")
        lines.setdefault(label.name, line)
    return lines


def _places(found: Sequence[tuple[int, Label]], problems: Problems) -> None:
    taken: dict[int, int] = {}
    for line, label in found:
        if label.index is None:
            continue
        if label.index in taken:
            problems.add([taken[label.index], line], f"the place {label.index} is given twice")
        taken[label.index] = line
    for place, line in taken.items():
        if place >= len(taken):
            problems.add([line], f"the place {place} leaves a gap: {len(taken)} places run from 0")


def phrase_key(phrase: str) -> str:
    """Return what two spellings of a phrase share: letter case and hyphens don't tell them apart."""
    return " ".join(phrase.lower().replace("-", " ").split())


def _unique_phrases(found: Sequence[tuple[int, Label]], problems: Problems) -> None:
    owners: dict[str, tuple[int, str]] = {}
    for line, label in found:
        for phrase in (label.name, *label.synonyms):
            key = phrase_key(phrase)
            other, owner = owners.setdefault(key, (line, label.name))
            if owner != label.name:
                problems.add([other, line], f"{phrase!r} means both {owner!r} and {label.name!r}")
    for line, label in found:
        if len({phrase_key(phrase) for phrase in (label.name, *label.synonyms)}) <= len(label.synonyms):
            problems.add([line], f"{label.name!r} lists one phrase twice, but for case or hyphens")


def parents_first(parents: Mapping[str, Iterable[str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Order names so that parents come before children.

    Returns
    -------
    tuple, tuple
        The order; and where there is none, one circle, its first name again at the end
        (each name followed by a parent of it). Parents that are no names are passed over.
    """
    order: dict[str, None] = {}
    for start in parents:
        walk = [(start, iter(parents[start]))]
        while walk and start not in order:
            name, rest = walk[-1]
            above = next((p for p in rest if p in parents and p not in order), None)
            if above is None:
                order[name] = None
                walk.pop()
                continue
            path = [step for step, _ in walk]
            if above in path:
                return (), (*path[path.index(above) :], above)
            walk.append((above, iter(parents[above])))
    return tuple(order), ()


def _contradictions(labels: Sequence[Label], lines: Mapping[str, int], problems: Problems) -> None:
    """Refuse a label that is, by its parents, two things that exclude each other (parents first)."""
    bits = {label.name: 1 << index for index, label in enumerate(labels)}
    listed = {frozenset((label.name, other)) for label in labels for other in label.exclusives}
    excludes = dict.fromkeys(bits, 0)
    for one, other in map(tuple, listed):
        excludes[one] |= bits[other]
        excludes[other] |= bits[one]
    being: dict[str, int] = {}
    barred: dict[str, int] = {}
    excepted: dict[str, frozenset[frozenset[str]]] = {}
    for label in labels:
        name = label.name
        being[name], barred[name] = bits[name], excludes[name]
        own = frozenset(map(frozenset, label.exceptions))
        excepted[name] = own.union(*(excepted[parent] for parent in label.parents))
        for parent in label.parents:
            being[name] |= being[parent]
            barred[name] |= barred[parent]
        if not (being[name] & barred[name] or own):
            continue
        lineage = [other.name for other in labels if being[name] & bits[other.name]]
        clashes = {pair for pair in map(frozenset, combinations(lineage, 2)) if pair in listed}
        for pair in sorted(clashes - excepted[name], key=sorted):
            one, other = sorted(pair)
            problems.add(
                [lines[name], lines[one], lines[other]],
                f"{name!r} is both {one!r} and {other!r}, which exclude each other "
                "(correct one, or name the pair under exceptions)",
            )
        for pair in sorted(own - clashes, key=sorted):
            problems.add(
                [lines[name]], f"the exception {' + '.join(sorted(pair))!r} of {name!r} excepts nothing"
            )
