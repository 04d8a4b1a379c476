"""A report as one HTML page that needs nothing else: pictures inside, prints on A4.

The template escapes every value; the page forbids itself scripts and anything
from elsewhere.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from lesionscope.files import write_atomically
from lesionscope.report import phrases, wording
from lesionscope.report.document import Content
from lesionscope.report.key_image import KeyImage
from lesionscope.report.response_rows import missing, response_rows
from lesionscope.report.text import date, moment, person
from lesionscope.showable import showable

if TYPE_CHECKING:
    from jinja2 import Template


def text(content: Content, images: Mapping[str, KeyImage] | None = None) -> str:
    """Return the page."""
    return _template().render(content=content, images=images or {}, say=phrases, words=wording)


def write(content: Content, path: str | Path, images: Mapping[str, KeyImage] | None = None) -> Path:
    """Write the page. Raises as :func:`write_atomically`."""
    return write_atomically(path, text(content, images))


def _plain(value: object) -> object:
    """Clean text on its way into the page; what the template itself made (markup) passes."""
    return showable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("lesionscope.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_plain,
    )
    environment.filters.update(
        person=person,
        date=date,
        moment=moment,
        rows=response_rows,
        missing=missing,
        base64=lambda data: b64encode(data).decode(),
    )
    return environment.get_template("report.html")
