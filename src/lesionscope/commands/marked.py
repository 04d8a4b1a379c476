"""From marks on a command line or in a table to lesions, and to a report on them by the models asked for."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lesionscope import config
from lesionscope.commands.clicked import Clicked, measured, tell
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume
from lesionscope.errors import UsageError
from lesionscope.inference.label_reader import LabelReader, open_label_reader
from lesionscope.inference.predictor import Predictor
from lesionscope.lesions.lesion import Diameter, Lesion
from lesionscope.lesions.marking import lesion_from_click, lesion_from_diameters
from lesionscope.models import registry
from lesionscope.progress import Progress, silent
from lesionscope.report import document

Marks = Mapping[str, tuple[float, ...]]
"""``click`` (x, y, z), ``long`` and ``short`` (both ends) of one lesion, LPS mm."""


@dataclass(frozen=True, eq=False)
class Models:
    """The models that a command asked for, and how to ask them."""

    pathology: Predictor
    labels: LabelReader | None
    click_box: bool
    override_scope: bool

    @property
    def digests(self) -> dict[str, str | None]:
        """Return a digest of each package, by task."""
        labels = None if self.labels is None else self.labels.package.sha256
        return {"pathology": self.pathology.package.sha256, "labels": labels}

    def report(
        self, volume: CTVolume, marks: Sequence[Marks], *, patient: bool, progress: Progress = silent
    ) -> tuple[document.Content, list[Clicked]]:
        """Read marked lesions: the report, and the lesions with what their clicks proposed."""
        marked = [
            replace(lesion_of(one, volume.geometry), number=number)
            for number, one in enumerate(marks, start=1)
        ]
        clicked = [measured(volume, lesion, wanted=self.click_box) for lesion in marked]
        how: dict[str, Any] = {"override_scope": self.override_scope, "progress": progress}
        items = [
            (
                one.lesion,
                self.pathology.read(volume, one.lesion, **how),
                None if self.labels is None else self.labels.read(volume, one.lesion, **how),
            )
            for one in clicked
        ]
        cards: list[document.AnyCard] = [self.pathology.package.card]
        content = document.lesion_report(
            items,
            geometry=volume.geometry,
            source=volume.source,
            cards=cards if self.labels is None else [*cards, self.labels.package.card],
            patient=patient,
        )
        tell(content, clicked)
        return content, clicked


def open_models(arguments: argparse.Namespace) -> Models:
    """Open the models that ``lesionscope read`` was asked for, else the configured or bundled ones."""
    settings = config.load()
    predictor = Predictor(
        registry.find(arguments.pathology_model or settings.pathology_model),
        device=arguments.device or settings.device,
        threads=settings.threads,
        unfamiliar_below=settings.unfamiliar_below,
    )
    labels = open_label_reader(settings, arguments.label_model, arguments.device)
    return Models(predictor, labels, settings.click_box, arguments.override_scope)


def lesion_of(marks: Marks, geometry: Geometry) -> Lesion:
    """Make the lesion of one --click, --long, --short group; a click moves the centroid there."""
    click, long, short = (marks.get(name) for name in ("click", "long", "short"))
    if long is None:
        if short is not None:
            raise UsageError("--short needs the --long diameter of the same lesion.")
        if click is None:
            raise UsageError("A lesion needs --click X,Y,Z or --long with its end points.")
        return lesion_from_click(click)
    return lesion_from_diameters(
        _diameter(long), None if short is None else _diameter(short), geometry=geometry, click=click
    )


def _diameter(ends: tuple[float, ...]) -> Diameter:
    return Diameter((ends[0], ends[1], ends[2]), (ends[3], ends[4], ends[5]))
