"""A report as PDF on A4: the HTML page's content, laid out for paper.

Drawn with fpdf2, which is pure Python: neither a screen (Qt's printing) nor a system's libraries (WeasyPrint)
are needed where reports are made by the hundred. Text is only ever text: nothing in it can act.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesionscope.files import write_atomically
from lesionscope.report import phrases, wording
from lesionscope.report.document import Content
from lesionscope.report.key_image import KeyImage
from lesionscope.report.phrases import Bar
from lesionscope.report.response_rows import missing, response_rows
from lesionscope.report.scripts import drawn_order
from lesionscope.report.text import date, moment, person
from lesionscope.showable import showable

if TYPE_CHECKING:
    from fpdf import FPDF

FONTS = Path(__file__).with_name("fonts")
FAMILY = "DejaVu"
REGULAR, BOLD = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"
MARGIN, FOOT = 14.0, 16.0
IMAGE = 72.0
GAP = 5.0
LINE = 4.4
BAR, BAR_HEIGHT = 26.0, 2.6
INK, SOFT, WARN = (27, 31, 36), (89, 99, 110), (138, 75, 0)
FILL, LEAK, TRACK = (58, 124, 165), (154, 165, 176), (236, 239, 242)
NOTICE_EDGE, NOTICE_FILL = (179, 89, 0), (255, 244, 224)
LONGEST_LINE = 200
"""Characters; no line on A4 holds more."""
MISSING = "\N{WHITE SQUARE}"

Colour = tuple[int, int, int]


def write(content: Content, path: str | Path, images: Mapping[str, KeyImage] | None = None) -> Path:
    """Write the PDF. Raises as :func:`write_atomically`."""
    return write_atomically(path, pdf(content, images))


def pdf(content: Content, images: Mapping[str, KeyImage] | None = None) -> bytes:
    """Return the file's bytes."""
    page = _Page(content["notice"], datetime.fromisoformat(content["created"]))
    page.title(wording.TITLE)
    page.notice(content["notice"])
    _facts(page, content)
    for entry in content["lesions"]:
        _lesion(page, entry, (images or {}).get(entry["id"]))
    if not content["lesions"]:
        page.text("No lesion is marked.")
    if "response" in content:
        page.rule()
        page.text(wording.RESPONSE, size=11, bold=True)
        page.table(response_rows(content["response"]))
        for sentence in missing(content["response"]):
            page.text(f"! {sentence}", size=8, colour=WARN)
    _meanings(page, phrases.meanings(content["lesions"]))
    page.say_what_is_missing()
    for card in content["models"]:
        _model(page, card)
    return page.done()


def drawable(text: object) -> str:
    """Return a text as the PDF's font can draw it: a square for what it lacks, no direction marks."""
    known = _glyphs()
    plain = str(text)
    if plain.isascii() and plain.isprintable():
        return plain
    return "".join(
        c if ord(c) in known or c == "\n" else MISSING
        for c in showable(plain).replace("\t", "    ")
        if unicodedata.category(c) != "Cf"
    )


@cache
def _glyphs() -> frozenset[int]:
    from fontTools.ttLib import TTFont

    with TTFont(FONTS / REGULAR, lazy=True) as font:
        return frozenset(font.getBestCmap())


class _Page:
    """A document being written from top to bottom, mm from the page's left and top edge."""

    def __init__(self, notice: str, made: datetime) -> None:
        from fpdf import FPDF

        class Paper(FPDF):
            """A page with the notice at its foot."""

            def footer(self) -> None:
                """Write the notice and the page's number."""
                self.set_y(-12)
                self.set_font(FAMILY, size=7)
                self.set_text_color(*SOFT)
                self.cell(0, 4, f"{notice}   {self.page_no()} / {{nb}}", align="C")

        self._lacks = False
        """Whether the font lacked a character so far."""
        self.paper: FPDF = Paper(format="A4")
        self.paper.set_margins(MARGIN, MARGIN)
        self.paper.set_auto_page_break(True, FOOT)
        self.paper.add_font(FAMILY, "", FONTS / REGULAR)
        self.paper.add_font(FAMILY, "B", FONTS / BOLD)
        self.paper.set_title(wording.TITLE)
        self.paper.set_creator("Lesionscope")
        self.paper.set_creation_date(made)
        self.paper.set_lang("en")
        self.paper.add_page()

    @property
    def width(self) -> float:
        """Width between the margins."""
        return float(self.paper.epw)

    def done(self) -> bytes:
        """Return the file's bytes."""
        return bytes(self.paper.output())

    def say_what_is_missing(self) -> None:
        """Say what a square stands for, where there is one."""
        if self._lacks:
            self.text(wording.MISSING.format(sign=MISSING), size=8, colour=WARN)

    def room(self, height: float) -> None:
        """Begin a new page where less than so much is left of this one."""
        if self.paper.get_y() + height > self.paper.h - FOOT:
            self.paper.add_page()

    def text(
        self,
        words: object,
        *,
        size: float = 9,
        bold: bool = False,
        colour: Colour = INK,
        left: float = MARGIN,
        width: float | None = None,
    ) -> None:
        """Write a paragraph."""
        self.paper.set_font(FAMILY, "B" if bold else "", size)
        self.paper.set_text_color(*colour)
        self.paper.set_x(left)
        within = self.width + MARGIN - left if width is None else width
        line = drawable(words)
        self._lacks |= MISSING in line
        for one in self._broken(line, within - 2 * self.paper.c_margin):
            self.paper.set_x(left)
            self.paper.cell(within, size * 0.49, drawn_order(one), align="L", new_x="LMARGIN", new_y="NEXT")

    def _broken(self, text: str, width: float) -> Iterator[str]:
        """Break a text into lines, between words where that can be: many times as fast as fpdf2 does it."""
        wide = self.paper.get_string_width
        space = wide(" ")
        for paragraph in text.split("\n"):
            line, length = "", 0.0
            for word in paragraph.split(" "):
                needed = wide(word)
                if line and length + space + needed <= width:
                    line, length = f"{line} {word}", length + space + needed
                    continue
                if line:
                    yield line
                while needed > width:
                    fits = 1
                    while wide(word[: fits + 1]) <= width:
                        fits += 1
                    yield word[:fits]
                    word = word[fits:]
                    needed = wide(word)
                line, length = word, needed
            yield line

    def title(self, words: str) -> None:
        """Write the title."""
        self.text(words, size=16, bold=True)
        self.paper.ln(2)

    def notice(self, words: str) -> None:
        """Write a sentence in a box."""
        self.paper.set_draw_color(*NOTICE_EDGE)
        self.paper.set_fill_color(*NOTICE_FILL)
        self.paper.set_font(FAMILY, "B", 9)
        self.paper.set_text_color(92, 45, 0)
        self.paper.multi_cell(
            self.width, 7, drawable(words), border=1, fill=True, align="L", new_x="LMARGIN", new_y="NEXT"
        )
        self.paper.ln(2)

    def rule(self) -> None:
        """Draw a line across."""
        self.paper.ln(2)
        self.paper.set_draw_color(*INK)
        y = self.paper.get_y()
        self.paper.line(MARGIN, y, MARGIN + self.width, y)
        self.paper.ln(2)

    def facts(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Write titles and values, each on its own line."""
        for title, value in pairs:
            if not value:
                continue
            self.room(LINE)
            y = self.paper.get_y()
            self.text(title, size=7.5, colour=SOFT, width=36)
            self.paper.set_y(y)
            self.text(value, size=8.5, left=MARGIN + 38)

    def row(self, bar: Bar, left: float, width: float) -> None:
        """Draw one class or label: its name, a bar, its score, and what stands beside it."""
        self.room(LINE)
        y = self.paper.get_y()
        name_width = width - BAR - 2 * 11
        self.paper.set_font(FAMILY, "", 7.5)
        self.paper.set_text_color(*(SOFT if bar.leak else INK))
        self.paper.set_xy(left + 3 * bar.depth, y)
        self.paper.cell(name_width - 3 * bar.depth, LINE, self._fitting(bar.name, name_width - 3 * bar.depth))
        x = left + name_width
        if bar.percent:
            top = y + (LINE - BAR_HEIGHT) / 2
            self.paper.set_fill_color(*TRACK)
            self.paper.rect(x, top, BAR, BAR_HEIGHT, style="F")
            self.paper.set_fill_color(*(LEAK if bar.leak else FILL))
            self.paper.rect(x, top, BAR * min(max(bar.share, 0.0), 1.0), BAR_HEIGHT, style="F")
            self.paper.set_xy(x + BAR, y)
            self.paper.cell(11, LINE, f"{bar.percent} %", align="R")
        if bar.within:
            self.paper.set_text_color(*SOFT)
            self.paper.set_xy(x + BAR + 11, y)
            self.paper.cell(11, LINE, f"{bar.within} %", align="R")
        self.paper.set_xy(MARGIN, y + LINE)
        if bar.why:
            self.text(bar.why, size=6.5, colour=SOFT, left=left + 3, width=width - 3)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Write rows of text in columns; the first row is the heading."""
        self.paper.set_font(FAMILY, "", 8)
        self.paper.set_text_color(*INK)
        with self.paper.table(
            text_align="LEFT", line_height=LINE, borders_layout="HORIZONTAL_LINES"
        ) as table:
            for values in rows:
                row = table.row()
                for value in values:
                    cut = value if len(value) <= LONGEST_LINE else f"{value[:LONGEST_LINE]}…"
                    row.cell(drawn_order(drawable(cut)))

    def _width_of(self, line: str) -> float:
        return float(self.paper.get_string_width(line)) + 2 * float(self.paper.c_margin)

    def _fitting(self, words: str, width: float) -> str:
        """Cut a line that is too long."""
        line = drawable(words[: 2 * LONGEST_LINE]).replace("\n", " ")
        self._lacks |= MISSING in line
        if len(line) >= LONGEST_LINE or self._width_of(line) > width:
            line = line[:LONGEST_LINE]
            while line and self._width_of(f"{line}…") > width:
                line = line[:-1]
            line += "…"
        return drawn_order(line)


def _facts(page: _Page, content: Content) -> None:
    study = content.get("study") or {}
    who = study.get("patient") or {}
    page.facts(
        [
            ("Patient", person(who.get("name") or "")),
            ("Patient ID", showable(who.get("id") or "")),
            ("Born", date(who.get("birth_date") or "")),
            ("Sex", showable(who.get("sex") or "")),
            ("Study date", date(study.get("study_date") or "")),
            ("Study", showable(study.get("study_description") or "")),
            ("Series", showable(study.get("series_description") or "")),
            ("Study UID", study.get("study_uid") or ""),
            ("Series UID", study.get("series_uid") or ""),
            ("Report made", f"{moment(content['created'])}, {content['software']}"),
            ("Reviewed", phrases.reviewed(content["review"])),
        ]
    )


def _lesion(page: _Page, entry: Mapping[str, Any], picture: KeyImage | None) -> None:
    page.room(IMAGE + 26 if picture is not None else 40)
    page.rule()
    marks = [part for part in (wording.CHANGED_SINCE * entry["stale"], phrases.unreviewed(entry)) if part]
    page.text(f"Lesion {entry['number']}   {phrases.size(entry)}", size=11, bold=True)
    if marks:
        page.text("; ".join(marks), size=7.5, colour=WARN)
    page.text(entry["sentence"], size=10)
    page.paper.ln(1)
    top, number = page.paper.get_y(), page.paper.page_no()
    left, width = MARGIN, page.width
    bottom = top
    if picture is not None and number == page.paper.page_no() and top + IMAGE < page.paper.h - FOOT:
        page.paper.image(io.BytesIO(picture.jpeg), x=MARGIN, y=top, w=IMAGE, h=IMAGE)
        page.paper.set_y(top + IMAGE + 1)
        page.text(picture.caption, size=6.5, colour=SOFT, width=IMAGE)
        bottom = page.paper.get_y()
        page.paper.set_y(top)
        left, width = MARGIN + IMAGE + GAP, page.width - IMAGE - GAP
    _answers(page, entry, left, width)
    if page.paper.page_no() == number:
        page.paper.set_y(max(bottom, page.paper.get_y()))
    for sentence in entry["warnings"]:
        page.text(f"! {sentence}", size=8, colour=WARN)
    page.text(_places(entry), size=6.5, colour=SOFT)


def _answers(page: _Page, entry: Mapping[str, Any], left: float, width: float) -> None:
    answer, labels = entry.get("pathology") or {}, entry.get("labels") or {}

    def heading(words: str) -> None:
        page.text(words, size=8.5, bold=True, left=left, width=width)

    def said(words: object, colour: Colour = SOFT) -> None:
        page.text(words, size=7, colour=colour, left=left, width=width)

    if answer:
        heading(f"{wording.SCORE}: {answer['model'] or ''}".rstrip(": "))
    if "refused" in answer:
        said(phrases.refusal(answer), WARN)
    if "nodes" in answer:
        if answer["unfamiliar"]:
            said(wording.UNFAMILIAR, WARN)
        for bar in phrases.bars(answer):
            page.row(bar, left, width)
        if "prediction_set" in answer:
            page.text(phrases.prediction_set(answer), size=8, left=left, width=width)
        said(phrases.familiarity(answer))
    if labels or entry["findings"]:
        heading(f"{wording.LABELS}: {labels.get('model') or ''}".rstrip(": "))
    if "refused" in labels:
        said(phrases.refusal(labels), WARN)
    if labels.get("unfamiliar"):
        said(wording.UNFAMILIAR, WARN)
    if "scores" in labels and not entry["findings"]:
        said(phrases.no_label(entry))
    for title, rows in phrases.label_bars(entry):
        if rows:
            said(title)
        for bar in rows:
            page.row(bar, left, width)
    for one, other in labels.get("conflicts", ()):
        said(wording.CONFLICT.format(one=one, other=other), WARN)
    if not answer and not labels and not entry["findings"]:
        said(wording.NOT_READ)


def _places(entry: Mapping[str, Any]) -> str:
    x, y, z = entry["centroid_lps_mm"]
    said = [f"Centre (x, y, z) {x:.1f}, {y:.1f}, {z:.1f} mm LPS."]
    for one in (entry.get("provenance"), (entry.get("labels") or {}).get("provenance")):
        if one:
            said.append(
                f"Read by {one['model']} (SHA-256 {one['package_sha256'][:16]}…) with {one['software']} "
                f"on {one['device']}, {moment(one['created'])}."
            )
            said.extend(one["notes"])
    return " ".join([*said, f"Tracking UID {entry['tracking_uid']}."])


def _meanings(page: _Page, sentences: Sequence[str]) -> None:
    if sentences:
        page.room(30)
        page.rule()
        page.text(wording.MEANING, size=9, bold=True)
    for sentence in sentences:
        page.text(sentence, size=8)


def _model(page: _Page, card: Mapping[str, Any]) -> None:
    page.room(30)
    page.rule()
    page.text(f"{card['title']} ({card['model']})", size=9, bold=True)
    page.text(card["intended_use"], size=8)
    for limit in card["limits"]:
        page.text(f"• {limit}", size=8, left=MARGIN + 3)
    page.text(
        f"Scope: {card['scope']}. Calibration: {card['calibration']}. Licence: {card['licence']}.",
        size=7,
        colour=SOFT,
    )
