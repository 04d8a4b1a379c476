"""The sentence of a report with its mentions marked by colour, line style and letter."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor, QFont, QTextCharFormat, QTextCursor
from qtpy.QtWidgets import QFrame, QTextEdit

from lesionscope.session.mined import Relation
from lesionscope.viewer.docks.colours import Colours, colours
from lesionscope.viewer.docks.review_cells import HUES
from lesionscope.viewer.review import words
from lesionscope.viewer.review.rows import Piece

LINES: dict[Relation, QTextCharFormat.UnderlineStyle] = {
    "relevant": QTextCharFormat.UnderlineStyle.SingleUnderline,
    "uncertain": QTextCharFormat.UnderlineStyle.DashUnderline,
    "irrelevant": QTextCharFormat.UnderlineStyle.DotLine,
}
MOST_LINES = 6


class SentenceView(QTextEdit):
    """A sentence to read; it takes no keys."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("lesionscope-review-sentence")
        self.setReadOnly(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self._drawn: tuple[tuple[Piece, ...], str] = ((), "")

    def show_pieces(self, pieces: Sequence[Piece], chosen: str) -> None:
        """Show a sentence; the words of the chosen label stand out."""
        if (tuple(pieces), chosen) == self._drawn:
            return
        self._drawn = tuple(pieces), chosen
        self.clear()
        cursor, theme = self.textCursor(), colours()
        for piece in pieces:
            cursor.insertText(piece.text, _format(piece, chosen, theme))
            if piece.ends and piece.relation is not None:
                cursor.insertText(words.RELATIONS[piece.relation][0], _letter(piece.relation))
        self.moveCursor(QTextCursor.MoveOperation.Start)
        self._fit()

    def show_plain(self, text: str) -> None:
        """Show a sentence about there being none."""
        self.show_pieces((Piece(text),), "")

    def resizeEvent(self, event: object) -> None:  # noqa: N802
        """Stay as high as the sentence needs at the new width."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        line = self.fontMetrics().lineSpacing()
        margins = self.contentsMargins()
        needed = round(self.document().size().height()) + margins.top() + margins.bottom() + line // 2
        self.setFixedHeight(max(line * 2, min(needed, line * MOST_LINES)))

    def sizeHint(self) -> QSize:  # noqa: N802
        """Two lines until a sentence is there."""
        return QSize(200, self.fontMetrics().lineSpacing() * 2)


def _format(piece: Piece, chosen: str, theme: Colours) -> QTextCharFormat:
    style = QTextCharFormat()
    style.setForeground(theme.text)
    if piece.relation is not None:
        hue = QColor(HUES[piece.relation])
        style.setForeground(hue)
        style.setUnderlineStyle(LINES[piece.relation])
        style.setUnderlineColor(hue)
        if chosen in piece.labels:
            style.setFontWeight(QFont.Weight.Bold)
            style.setBackground(theme.track)
        style.setToolTip(", ".join(piece.labels))
    return style


def _letter(relation: Relation) -> QTextCharFormat:
    style = QTextCharFormat()
    style.setForeground(QColor(HUES[relation]))
    style.setFontWeight(QFont.Weight.Bold)
    style.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignSuperScript)
    return style


def legend() -> str:
    """Say in rich text what the marks mean."""
    return " &nbsp; ".join(
        f'<span style="color:{HUES[relation]}"><b>{letter}</b> {meaning}</span>'
        for relation, (letter, meaning) in words.RELATIONS.items()
    )
