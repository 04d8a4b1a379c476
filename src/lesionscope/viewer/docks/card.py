"""A model package's card on demand: scope, intended use, limits, data, metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from lesionscope.viewer import wording

if TYPE_CHECKING:
    from lesionscope.models.label_package import LabelCard, LabelPackage
    from lesionscope.models.package import Card, ModelPackage


class CardDialog(QDialog):
    """A scrollable page; the window behind stays usable."""

    def __init__(self, package: ModelPackage | LabelPackage, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(wording.CARD_TITLE)
        self.page = QTextBrowser()
        self.page.setOpenExternalLinks(False)
        self.page.setHtml(card_html(package.card))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addWidget(self.page)
        layout.addWidget(buttons)
        width = self.fontMetrics().horizontalAdvance("n" * 70)
        self.resize(width, round(width * 0.9))


def card_html(card: Card | LabelCard) -> str:
    """Lay a card out as simple HTML, escaped throughout."""
    parts = [f"<h2>{escape(card.title)}</h2>", f"<p>{escape(card.name)} {escape(card.version)}</p>"]
    if card.demonstration:
        parts.append(f"<p><b>{escape(wording.DEMONSTRATION)}.</b></p>")
    calibration, familiarity = card.calibration, card.familiarity
    sections: tuple[tuple[str, object], ...] = (
        (wording.CARD_SCOPE, card.scope),
        (wording.CARD_INTENDED, card.intended_use),
        (wording.CARD_LIMITS, card.limits),
        (wording.CARD_METRICS, card.metrics),
        (wording.CARD_CALIBRATION, f"{calibration.method}. {calibration.population}" if calibration else ""),
        (wording.CARD_FAMILIARITY, _short(familiarity.as_dict()) if familiarity else wording.NOT_KNOWN),
        (wording.CARD_DATA, card.training_data),
        (wording.CARD_LICENCE, card.licence),
        (wording.CARD_FILES, card.sha256),
    )
    for title, content in sections:
        if content:
            parts.append(f"<h3>{escape(title)}</h3>{_value(content)}")
    return "\n".join(parts)


def _short(value: Mapping[str, object]) -> dict[str, object]:
    """Leave out long lists of numbers: they are for programs."""
    return {
        key: item
        for key, item in value.items()
        if not (isinstance(item, Sequence) and not isinstance(item, str) and len(item) > 12)
    }


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        rows = "".join(
            f"<tr><td valign='top'>{escape(_words(str(key)))}&nbsp;</td><td>{_value(item)}</td></tr>"
            for key, item in value.items()
        )
        return f"<table cellspacing='2'>{rows}</table>"
    if isinstance(value, Sequence) and not isinstance(value, str):
        if all(isinstance(item, int | float) for item in value):
            return ", ".join(_value(item) for item in value)
        return "<ul>" + "".join(f"<li>{_value(item)}</li>" for item in value) + "</ul>"
    if isinstance(value, float):
        return f"{value:.4g}"
    return escape(str(value))


def _words(key: str) -> str:
    return key.replace("_", " ")
