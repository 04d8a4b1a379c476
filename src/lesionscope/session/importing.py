"""Mined labels into a reading project: DeepLesion's layout (real, or of the phantom clinic), or a table.

Nothing is looked at but tables and texts: images are read when a lesion is shown.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lesionscope.ct.geometry import Geometry
from lesionscope.errors import InputError
from lesionscope.lesions.cases import Case, read_cases
from lesionscope.lesions.deeplesion import SPLITS, TABLE, DeepLesionRow, read_dl_info, read_sentences
from lesionscope.lesions.deeplesion_volume import lesion_of_row, slices_of
from lesionscope.lesions.lesion import Diameter, Lesion
from lesionscope.lesions.marking import identity_of, lesion_from_click, lesion_from_diameters
from lesionscope.mining.miner import MinedSentence, Miner
from lesionscope.mining.relations import IRRELEVANT, RELEVANT, UNCERTAIN
from lesionscope.ontology.label_graph import LabelGraph
from lesionscope.ontology.lesanet_files import ReleasedLabels, read_label_file
from lesionscope.retrieval.keys import key, site_secret
from lesionscope.session.commands import AddMined
from lesionscope.session.mined import RELATIONS, Mention, MinedLesion, Relation, Split, Study
from lesionscope.session.review import ordered

LABELS = "text_mined_labels_171_and_split.json"
REPORTS = "reports.jsonl"
RELEASED: Mapping[str, Split] = {"train": "train", "val": "validation", "test": "test"}
"""Our names of the release's splits."""
MORE_COLUMNS = ("patient", "split", "uncertain", "sentence_id")
"""What a table of one's own may hold beside the columns of :mod:`lesionscope.lesions.cases`."""
UNREAD = Geometry((1, 1, 1), (1.0, 1.0, 1.0))
"""Stands in for images that aren't read at import: a box is padded as if pixels were 1 mm wide."""


@dataclass(frozen=True)
class Imported:
    """What a project is to take in, and a sentence for each row that was left out."""

    command: AddMined
    left_out: tuple[str, ...] = ()


def from_deeplesion(
    root: str | Path,
    graph: LabelGraph,
    *,
    labels: str | Path | None = None,
    sentences: str | Path | None = None,
    splits: tuple[str, ...] = SPLITS,
    limit: int | None = None,
) -> Imported:
    """Read lesions with mined labels in DeepLesion's layout.

    Lesions that DeepLesion flags as possibly noisy are left out, as in training, and so are those that
    nothing was mined for and no sentence is known of.

    Parameters
    ----------
    root
        The folder with ``DL_info.csv`` and ``Images_png``.
    graph
        The labels; a label of the file that it doesn't have is refused.
    labels
        LesaNet's label file; by default the one of its name in the folder.
    sentences
        JSON lines of ``lesion_idx`` and ``text`` (perhaps ``id``); by default ``reports.jsonl`` in the
        folder, if it is there. Mentions are found in them anew.
    splits
        Which of 'train', 'validation' and 'test'.
    limit
        Take so many lesions at most.

    Raises
    ------
    InputError
        A file is missing or can't be used, or labels and table don't fit each other.
    """
    root = Path(root).expanduser().resolve()
    rows = read_dl_info(root / TABLE)
    file = root / LABELS if labels is None else Path(labels)
    released = read_label_file(file)
    if strange := set(released.terms) - graph.by_name.keys():
        raise InputError(
            f"{file} has labels that are not in the ontology ({', '.join(sorted(strange))}): give the file "
            "that LesaNet's authors released, or one that `lesionscope mine --format lesanet` wrote."
        )
    texts = root / REPORTS if sentences is None else Path(sentences)
    said = read_sentences(texts) if sentences is not None or texts.is_file() else {}
    miner = Miner(graph)
    studies: dict[str, Study] = {}
    lesions: list[MinedLesion] = []
    left_out: list[str] = []
    for number, split, found in _listed(released, splits):
        if limit is not None and len(lesions) == limit:
            break
        if number >= len(rows):
            raise InputError(
                f"{file} speaks of lesion {number}, but {root / TABLE} has {len(rows)}: give the labels that "
                "were mined for this table."
            )
        row = rows[number]
        if row.split != split:
            left_out.append(
                f"{row.file_name} is left out: {TABLE} has it in {row.split}, the labels in {split}."
            )
            continue
        if row.possibly_noisy or (number not in said and not any(found.values())):
            continue
        studies.setdefault(row.folder, Study(row.folder, str(row.patient), str(root)))
        identifier, text = said.get(number, ("", ""))
        lesions.append(_mined(row, number, split, identifier, miner.mine(text), found))
    return Imported(AddMined(tuple(studies.values()), tuple(lesions)), tuple(left_out))


def from_table(path: str | Path, graph: LabelGraph) -> Imported:
    """Read a table of one's own: the columns of :mod:`lesionscope.lesions.cases`, and more.

    ``labels`` and ``uncertain`` hold labels with semicolons between; where both are empty they are mined
    from ``sentence``. ``patient`` is any text that tells patients apart: the project keeps a key of
    it that nobody can turn back. ``split`` is train, validation or test. ``sentence_id`` is free.

    Raises
    ------
    InputError
        The file can't be read, or not one row of it can be used.
    """
    path = Path(path)
    miner, secret = Miner(graph), site_secret()
    studies: dict[str, Study] = {}
    lesions: list[MinedLesion] = []
    left_out: list[str] = []
    for number, case in enumerate(read_cases(path, more=MORE_COLUMNS)):
        problem = case.problem or _problem(case, graph)
        if problem:
            left_out.append(f"{path}, line {case.line}, is left out: {problem}.")
            continue
        patient = key(secret, "patient", case.more["patient"])
        where = str(case.path.resolve())
        study = Study(
            key(secret, "study", f"{where}\0{case.series or ''}"), patient, where, case.series or ""
        )
        studies.setdefault(study.id, study)
        mined = miner.mine(case.sentence)
        uncertain = tuple(filter(None, (label.strip() for label in case.more["uncertain"].split(";"))))
        found = _by_relation(mined)
        if case.labels or uncertain:
            sure = graph.expand(case.labels)
            found = {
                RELEVANT: ordered(sure, graph),
                UNCERTAIN: tuple(label for label in uncertain if label not in sure),
                IRRELEVANT: tuple(x for x in found[IRRELEVANT] if x not in sure.union(uncertain)),
            }
        lesions.append(
            MinedLesion(
                _marked(case),
                study.id,
                patient,
                case.more["split"],  # type: ignore[arg-type]  # checked by _problem
                number,
                case.more["sentence_id"],
                case.sentence,
                _mentions(mined),
                found[RELEVANT],
                found[UNCERTAIN],
                found[IRRELEVANT],
            )
        )
    if not lesions:
        raise InputError(f"{path}: not one row could be used. {left_out[0]}")
    return Imported(AddMined(tuple(studies.values()), tuple(lesions)), tuple(left_out))


def _listed(
    released: ReleasedLabels, splits: tuple[str, ...]
) -> list[tuple[int, Split, dict[str, tuple[str, ...]]]]:
    """Return the lesions of a label file: row, split, and labels by relation, each label once."""
    found = []
    for theirs, split in RELEASED.items():
        listed = released.splits[theirs]
        if split not in splits:
            continue
        for place, number in enumerate(listed.lesions):
            taken: set[str] = set()
            labels = {}
            for relation in (RELEVANT, UNCERTAIN, IRRELEVANT):
                names = dict.fromkeys(released.terms[term] for term in getattr(listed, relation)[place])
                labels[relation] = tuple(name for name in names if name not in taken)
                taken.update(names)
            found.append((number, split, labels))
    return sorted(found, key=lambda one: one[0])


def _mined(
    row: DeepLesionRow,
    number: int,
    split: Split,
    sentence_id: str,
    said: MinedSentence,
    found: Mapping[str, tuple[str, ...]],
) -> MinedLesion:
    return MinedLesion(
        lesion_of_row(row, number),
        row.folder,
        str(row.patient),
        split,
        number,
        sentence_id,
        said.text,
        _mentions(said),
        found[RELEVANT],
        found[UNCERTAIN],
        found[IRRELEVANT],
        slices_of(row),
    )


def _mentions(said: MinedSentence) -> tuple[Mention, ...]:
    """Return each mention once, with what it is to the bookmarks of interest: the strongest relation."""
    strongest: dict[tuple[int, int, str], Relation] = {}
    wanted = {number for number, mark in enumerate(said.bookmarks) if mark.target}
    for one in said.mentions:
        place = (one.start, one.end, one.label)
        relation = next(name for name in RELATIONS if name == one.relation)
        if one.bookmark is not None and one.bookmark not in wanted:
            relation = "irrelevant"
        before = strongest.get(place, "irrelevant")
        strongest[place] = min(before, relation, key=RELATIONS.index)
    return tuple(Mention(*place, relation) for place, relation in sorted(strongest.items()))


def _by_relation(said: MinedSentence) -> dict[str, tuple[str, ...]]:
    return {relation: said.by_relation(relation) for relation in (RELEVANT, UNCERTAIN, IRRELEVANT)}


def _problem(case: Case, graph: LabelGraph) -> str:
    """Say why a row of a table can't be used, or ""."""
    uncertain = (label.strip() for label in case.more["uncertain"].split(";"))
    strange = [label for label in (*case.labels, *uncertain) if label and label not in graph.by_name]
    if strange:
        return f"there is no label named '{strange[0]}'"
    if not case.more["patient"]:
        return "it names no patient"
    if case.more["split"] not in ("", *SPLITS):
        return f"its split is '{case.more['split']}', which is none of {', '.join(SPLITS)}"
    return ""


def _marked(case: Case) -> Lesion:
    """Return a table's lesion; the same row of the same table has the same identity."""
    marks = case.marks or {}
    said = f"{case.path.resolve()}\0{case.id}\0{sorted(marks.items())}"
    identity, tracking_uid = identity_of(uuid.uuid5(uuid.NAMESPACE_URL, said))
    long, short = (
        Diameter((ends[0], ends[1], ends[2]), (ends[3], ends[4], ends[5])) if ends else None
        for ends in (marks.get("long"), marks.get("short"))
    )
    if long is None:
        drawn = lesion_from_click(marks["click"])
    else:
        drawn = lesion_from_diameters(long, short, geometry=UNREAD, click=marks.get("click"))
    return replace(drawn, id=identity, tracking_uid=tracking_uid)
