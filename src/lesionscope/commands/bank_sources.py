"""Where the known lesions of ``lesionscope bank build`` come from."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Container, Iterator
from dataclasses import replace
from pathlib import Path

from lesionscope import config
from lesionscope.commands.clicked import measured
from lesionscope.commands.marked import lesion_of
from lesionscope.ct.patches import lesion_patch
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume
from lesionscope.errors import InputError, LesionscopeError
from lesionscope.inference.scope import impossible
from lesionscope.lesions.cases import Case, read_cases
from lesionscope.lesions.deeplesion import TABLE, read_dl_info, read_sentences
from lesionscope.lesions.deeplesion_volume import cut_patch
from lesionscope.lesions.lesion import Lesion, Point
from lesionscope.ontology.label_graph import load_labels
from lesionscope.ontology.lesanet_files import read_label_file
from lesionscope.progress import Progress
from lesionscope.report.case_list import digest
from lesionscope.retrieval.dataset_keys import read_dataset_keys
from lesionscope.retrieval.keys import key, patient_key, site_secret, study_key
from lesionscope.retrieval.known import Origin, UnreadLesion

LABEL_FILE = "text_mined_labels_171_and_split.json"
REPORTS = "reports.jsonl"
Say = Callable[[str], None]
Give = Callable[[Container[str]], Iterator[UnreadLesion]]
"""Gives lesions, but not those whose ``given`` is among these: they need not be read again."""
TITLE = "Reading known lesions"


def deeplesion_lesions(root: Path, split: str, say: Say, progress: Progress) -> Give:
    """Give the lesions of one split of a folder in DeepLesion's layout.

    Labels are those that LesaNet's label file calls relevant, and what they imply; sentences are there
    where ``reports.jsonl`` has them. Possibly noisy lesions are left out, as in training. ``say`` is told
    how many lesions, and which labels, can't be given. A harvest's patients are known by its own keys.
    """
    keys = read_dataset_keys(root)
    rows = read_dl_info(root / TABLE)
    released = read_label_file(root / LABEL_FILE)
    listed = released.splits[{"validation": "val"}.get(split, split)]
    reports = root / REPORTS
    sentences = read_sentences(reports) if reports.is_file() else {}
    graph = load_labels()
    inside = [pair for pair in zip(listed.lesions, listed.relevant, strict=True) if pair[0] < len(rows)]
    numbers = [(number, relevant) for number, relevant in inside if not rows[number].possibly_noisy]

    if beyond := len(listed.lesions) - len(inside):
        say(f"{beyond} lesions are left out: {LABEL_FILE} lists them, but {TABLE} has {len(rows)} rows.")
    if noisy := len(inside) - len(numbers):
        say(f"{noisy} lesions are left out: {TABLE} calls them possibly noisy.")
    named = Counter(released.terms[term] for _, relevant in numbers for term in set(relevant))
    for name in [name for name in named if name not in graph.by_name]:
        say(f"The label '{name}' of {named[name]} lesions is left out: the ontology has none of that name.")

    def give(there: Container[str]) -> Iterator[UnreadLesion]:
        secret = site_secret()
        for done, (number, relevant) in enumerate(numbers):
            progress(done, len(numbers), TITLE)
            row = rows[number]
            names = [released.terms[term] for term in relevant if released.terms[term] in graph.by_name]
            sentence = sentences.get(number, ("", ""))[1]
            try:
                identity = keys.lesion(row, number)
                given = key(secret, "given", repr((identity, row, names, sentence)))
                if given in there:
                    continue
                hu, box = cut_patch(root, row)
                patient, study = keys.patient(secret, row), keys.study(secret, row)
            except InputError as error:
                say(f"{row.file_name} is left out: {error}")
                continue
            pixel = row.spacing_mm[0]
            yield UnreadLesion(
                id=identity,
                hu=hu,
                patch_box=box,
                labels=tuple(sorted(graph.expand(names))),
                sentence=sentence,
                patient_key=patient,
                study_key=study,
                origin=Origin(f"deeplesion:{row.file_name}"),
                long_mm=row.diameters_px[0] * pixel,
                short_mm=row.diameters_px[1] * pixel,
                given=given,
            )
        progress(len(numbers), len(numbers), TITLE)

    return give


def listed_lesions(table: Path, say: Say, progress: Progress) -> Give:
    """Give the lesions of a table (see :mod:`lesionscope.lesions.cases`).

    A lesion without an id of its own gets one from its series and its marks, so that it is the same
    whenever it is given, and another's in no other table.
    """
    cases = read_cases(table, more=("id",))

    def give(there: Container[str]) -> Iterator[UnreadLesion]:
        secret, wanted = site_secret(), config.load().click_box
        opened: tuple[Path, str | None, CTVolume] | None = None
        for done, case in enumerate(cases):
            progress(done, len(cases), TITLE)
            asked = repr((case.path.resolve(), case.more["id"], case.labels, case.sentence, wanted))
            given = key(secret, "given", digest(case, asked))
            if given in there:
                continue
            try:
                if case.problem:
                    raise InputError(f"{case.problem}.")
                if opened is None or opened[:2] != (case.path, case.series):
                    opened = None  # the one before goes first: two may not fit in memory
                    opened = (case.path, case.series, open_ct(case.path, case.series))
                yield replace(_lesion(case, opened[2], secret, wanted), given=given)
            except LesionscopeError as error:
                say(f"{table}, line {case.line}, is left out: {error}")
        progress(len(cases), len(cases), TITLE)

    return give


def _middle(lesion: Lesion) -> Point:
    """Return the middle of a lesion's box, which is where its picture is cut."""
    x0, y0, z0, x1, y1, z1 = lesion.box_lps_mm
    return (x0 + x1) / 2, (y0 + y1) / 2, (z0 + z1) / 2


def _identity(case: Case, volume: CTVolume) -> str:
    """Return a lesion's own id, or the one that follows from where it was marked."""
    marks = ";".join(f"{kind}={values}" for kind, values in sorted((case.marks or {}).items()))
    return case.more["id"] or str(uuid.uuid5(uuid.NAMESPACE_OID, f"{volume.source.uid}/{marks}"))


def _lesion(case: Case, volume: CTVolume, secret: bytes, click_box: bool) -> UnreadLesion:
    graph = load_labels()
    strange = [label for label in case.labels if label not in graph.by_name]
    if strange:
        raise InputError(
            f"there is no label named '{strange[0]}': name it as the ontology does, such as 'lung nodule'."
        )
    marked = lesion_of(case.marks or {}, volume.geometry)
    lesion = measured(volume, marked, wanted=click_box).lesion
    if refused := impossible(volume, lesion):
        raise InputError(refused)
    patch = lesion_patch(volume, lesion)
    identity = _identity(case, volume)
    return UnreadLesion(
        id=identity,
        hu=patch.hu,
        patch_box=patch.box,
        labels=tuple(sorted(graph.expand(case.labels))),
        sentence=case.sentence,
        patient_key=patient_key(secret, volume.source),
        study_key=study_key(secret, volume.source),
        origin=Origin(identity, volume.source.uid, _middle(lesion)),
        long_mm=None if lesion.long is None else lesion.long.length_mm,
        short_mm=None if lesion.short is None else lesion.short.length_mm,
    )
