"""The strip above a canvas: who, when, which series, which slice, which window.

The only place in the window that shows an identifier; layer names and window
titles never do.
"""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QPainter, QPaintEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from lesionscope.ct.volume import CTVolume, Finding
from lesionscope.ct.windows import Window
from lesionscope.viewer.qt_values import as_int

QUIET_FINDINGS = frozenset({"sorted", "decoder"})
"""Codes of findings that change nothing a reader has to know."""


class ElidedLabel(QLabel):
    """A label that shortens its text to the room it has; the tooltip holds all of it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._short = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_text(self, text: str, tooltip: str | None = None, *, short: str = "") -> None:
        """Show other words; ``short`` ones where the whole text doesn't fit."""
        if (text, short) != (self.text(), self._short):
            self._short = short
            self.setText(text)
            self.update()
        self.setToolTip(text if tooltip is None else tooltip)

    @property
    def shown(self) -> str:
        """The words that can be seen at the present width."""
        metrics, room = self.fontMetrics(), self.contentsRect().width()
        for words in (self.text(), self._short):
            if words and metrics.horizontalAdvance(words) <= room:
                return words
        return str(metrics.elidedText(self._short or self.text(), Qt.TextElideMode.ElideRight, room))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Any width will do."""
        return QSize(0, self.fontMetrics().height())

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Draw as much as fits."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), as_int(self.alignment()), self.shown)
        painter.end()


class Banner(QWidget):
    """Three short lines above the axial canvas; one above the others."""

    def __init__(self, *, full: bool) -> None:
        super().__init__()
        self.setObjectName("lesionscope-banner")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 2, 6, 2)
        layout.setSpacing(0)
        self.study, self.place, self.notice = ElidedLabel(), ElidedLabel(), ElidedLabel()
        strong = self.study.font()
        strong.setBold(True)
        self.study.setFont(strong)
        self.notice.setStyleSheet("color: #f2b134;")
        for label in (self.study, self.place, self.notice):
            layout.addWidget(label)
        self.study.setVisible(full)
        self.notice.setVisible(False)
        self._full = full

    def set_study(self, volume: CTVolume, more: Iterable[Finding] = ()) -> None:
        """Say whose study this is and what the reader noticed in it."""
        if not self._full:
            return
        self.study.set_text(study_line(volume))
        findings = tuple(dict.fromkeys((*volume.findings, *more)))
        words = notice_line(findings)
        self.notice.set_text(words, "\n".join(finding.message for finding in findings))
        self.notice.setVisible(bool(words))

    def set_place(self, text: str, short: str = "") -> None:
        """Say which slice is shown, and how."""
        self.place.set_text(text, short=short)

    def clear(self) -> None:
        """Say nothing."""
        for label in (self.study, self.place, self.notice):
            label.set_text("")
        self.notice.setVisible(False)


def person(name: str) -> str:
    """Write a DICOM person name (PS3.5 §6.2.1, components parted by ``^``) for people."""
    family, *rest = (part.strip() for part in name.split("=")[0].split("^"))
    given = " ".join(part for part in rest[:2] if part)
    return ", ".join(part for part in (family, given) if part)


def date(digits: str) -> str:
    """Write a DICOM date (YYYYMMDD) as YYYY-MM-DD; anything else as it stands."""
    if len(digits) == 8 and digits.isdigit():
        return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
    return digits


def study_line(volume: CTVolume) -> str:
    """Patient, study date and series in one line."""
    source, patient = volume.source, volume.source.patient
    series = source.description or source.modality
    if source.series_number is not None:
        series = f"{series} (series {source.series_number})"
    born = f"born {date(patient.birth_date)}" if patient.birth_date else ""
    parts = (
        person(patient.name),
        patient.patient_id,
        born,
        patient.sex,
        date(source.study_date),
        source.study_description,
        series,
    )
    line = "  ·  ".join(part for part in parts if part)
    return line if patient.name or patient.patient_id else f"No patient name in the file  ·  {line}"


def notice_line(findings: Iterable[Finding]) -> str:
    """Put the findings that a reader should know of in one line."""
    telling = [finding.message.rstrip(".") for finding in findings if finding.code not in QUIET_FINDINGS]
    return "⚠ " + "  ·  ".join(telling) if telling else ""


def window_words(window: Window) -> str:
    """Write a window as readers say it: ``W 1500  L −600 (Lung)``."""
    numbers = f"W {window.width:.0f}  L {window.centre:.0f}".replace("-", "−")
    return f"{numbers} ({window.title})" if window.title else numbers


def place_words(
    title: str, number: int, count: int, coordinate: str, position_mm: float, extras: Iterable[str] = ()
) -> str:
    """Write where a canvas stands: ``Axial  ·  slice 19 / 37  ·  z −520.4 mm``, then the rest."""
    place = f"{coordinate} {position_mm:.1f} mm".replace("-", "−")
    parts = (title, f"slice {number} / {count}", place, *extras)
    return "  ·  ".join(part for part in parts if part)


def short_place_words(
    title: str, number: int, count: int, coordinate: str, position_mm: float, extras: Iterable[str] = ()
) -> str:
    """Write the same for a narrow canvas: ``19/37 · z −520.4 · W 1500 L −600``."""
    place = f"{coordinate} {position_mm:.1f}".replace("-", "−")
    tight = (" ".join(part.split("(")[0].split()) for part in extras)
    parts = (title, f"{number}/{count}", place, *tight)
    return " · ".join(part for part in parts if part)
