"""Steps and readings as rows of the session file, and back."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, Table, insert, select

from lesionscope.followup.choices import Visit, choices_from_dict, choices_to_dict
from lesionscope.inference.reading import Reading
from lesionscope.lesions.deeplesion import Slices
from lesionscope.lesions.lesion import Lesion
from lesionscope.session import codec, schema
from lesionscope.session.decisions import Decision, now
from lesionscope.session.history import Entry
from lesionscope.session.mined import Mention, MinedLesion, Study
from lesionscope.session.outline import KeptOutline
from lesionscope.session.report_notes import ReportNote


def write_step(connection: Connection, entry: Entry) -> None:
    """Append a step to the log, with what it decides, imports or compares."""
    written = connection.execute(
        insert(schema.edits).values(
            at=now(),
            kind=entry.kind,
            lesion_id=entry.lesion_id,
            before=_lesion_text(entry.before),
            after=_lesion_text(entry.after),
        )
    )
    (step,) = written.inserted_primary_key or (None,)

    def append(table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            connection.execute(insert(table), [{"step": step, **row} for row in rows])

    append(schema.decisions, [_of_decision(decision) for decision in entry.decisions])
    append(schema.studies, [dict(vars(study)) for study in entry.studies])
    append(schema.mined, [_of_mined(lesion) for lesion in entry.mined])
    append(schema.visits, [_of_visit(visit) for visit in entry.visits])
    append(
        schema.notes,
        [{"lesion_id": note.lesion_id, "body": codec.to_text(note.as_dict())} for note in entry.notes],
    )


def write_reading(connection: Connection, reading: Reading) -> None:
    """Append a reading."""
    connection.execute(
        insert(schema.readings).values(
            at=now(),
            id=reading.id,
            lesion_id=reading.lesion_id,
            task=reading.task,
            fingerprint=reading.provenance.lesion_fingerprint,
            body=codec.to_text(codec.reading_to_dict(reading)),
        )
    )


def write_outline(connection: Connection, outline: KeptOutline) -> None:
    """Append an outline."""
    connection.execute(
        insert(schema.outlines).values(
            at=now(),
            lesion_id=outline.lesion_id,
            fingerprint=outline.fingerprint,
            body=codec.to_text(outline.as_dict()),
        )
    )


def outlines(connection: Connection) -> list[KeptOutline]:
    """Return the outlines, oldest first.

    Raises
    ------
    KeyError, TypeError, ValueError
        A row makes no sense.
    """
    table = schema.outlines
    return [
        KeptOutline.from_dict(row.lesion_id, row.fingerprint, codec.from_text(row.body))
        for row in connection.execute(select(table).order_by(table.c.seq))
    ]


def steps(connection: Connection, version: int) -> Mapping[int, dict[str, Any]]:
    """Return what a file's steps add: fields of their :class:`Entry` by the step's number.

    Raises
    ------
    KeyError, TypeError, ValueError
        A row makes no sense.
    """
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    for name, table, read in (
        ("decisions", schema.decisions, _decision),
        ("studies", schema.studies, _study),
        ("mined", schema.mined, _mined),
        ("visits", schema.visits, _visit),
        ("notes", schema.notes, _note),
    ):
        if table in schema.later(version):
            continue
        lists: dict[int, list[Any]] = defaultdict(list)
        for row in connection.execute(select(table).order_by(table.c.seq)):
            lists[row.step].append(read(row))
        for step, values in lists.items():
            found[step][name] = tuple(values)
    return dict(found)


def _of_decision(decision: Decision) -> dict[str, Any]:
    return {
        **vars(decision),
        "seen": json.dumps(decision.seen),
        "seconds": decision.seconds if math.isfinite(decision.seconds) else None,
        "bulk": int(decision.bulk),
    }


def _decision(row: Row[Any]) -> Decision:
    return Decision(
        lesion_id=row.lesion_id,
        label=row.label,
        verdict=row.verdict,
        reader=row.reader,
        at=row.at,
        origin=row.origin,
        replaces=row.replaces,
        seen=tuple(json.loads(row.seen)),
        seconds=Decision.seconds if row.seconds is None else row.seconds,  # one NaN equals itself
        bulk=bool(row.bulk),
    )


def _study(row: Row[Any]) -> Study:
    return Study(row.id, row.patient, row.path, row.series_uid)


def _of_mined(mined: MinedLesion) -> dict[str, Any]:
    body = {
        "lesion": codec.lesion_to_dict(mined.lesion),
        "row": mined.row,
        "sentence_id": mined.sentence_id,
        "mentions": [[one.start, one.end, one.label, one.relation] for one in mined.mentions],
        "relevant": mined.relevant,
        "uncertain": mined.uncertain,
        "irrelevant": mined.irrelevant,
        "slices": None if mined.slices is None else vars(mined.slices),
    }
    return {
        "id": mined.id,
        "study": mined.study,
        "patient": mined.patient,
        "split": mined.split,
        "sentence": mined.sentence,
        "body": codec.to_text(body),
    }


def _mined(row: Row[Any]) -> MinedLesion:
    body = codec.from_text(row.body)
    slices = body["slices"]
    return MinedLesion(
        lesion=codec.lesion_from_dict(body["lesion"]),
        study=row.study,
        patient=row.patient,
        split=row.split,
        row=body["row"],
        sentence_id=body["sentence_id"],
        sentence=row.sentence,
        mentions=tuple(Mention(*one) for one in body["mentions"]),
        relevant=tuple(body["relevant"]),
        uncertain=tuple(body["uncertain"]),
        irrelevant=tuple(body["irrelevant"]),
        slices=None if slices is None else Slices(**{**slices, "spacing_mm": tuple(slices["spacing_mm"])}),
    )


def _of_visit(visit: Visit) -> dict[str, Any]:
    return {
        "series_uid": visit.series_uid,
        "date": visit.date,
        "body": codec.to_text(choices_to_dict(visit.choices)),
    }


def _visit(row: Row[Any]) -> Visit:
    return Visit(row.series_uid, row.date, choices_from_dict(codec.from_text(row.body)))


def _note(row: Row[Any]) -> ReportNote:
    return ReportNote.from_dict(row.lesion_id, codec.from_text(row.body))


def _lesion_text(lesion: Lesion | None) -> str | None:
    return None if lesion is None else codec.to_text(codec.lesion_to_dict(lesion))
