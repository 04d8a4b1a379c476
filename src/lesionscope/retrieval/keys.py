"""Keys that tell patients and studies apart without telling who they are.

HMAC-SHA256 of an identifier under a secret of the site's: without the secret, trying every hospital
number leads nowhere, and two sites' banks can't be joined by their patients.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import tempfile
from pathlib import Path

from lesionscope.config import data_folder
from lesionscope.ct.volume import Source
from lesionscope.errors import InputError, LesionscopeError

SECRET_FILE = "site-secret"
SECRET_BYTES = 32
KEY_DIGITS = 32
PHANTOM_SECRET = b"lesionscope phantom clinic"
"""Phantoms have nobody to hide, and their banks are the same everywhere."""
_PHANTOM = re.compile(r"PHANTOM-(train|validation|test)-(\d+)")
"""Patient ID of a phantom of the clinic."""


def site_secret(folder: Path | None = None) -> bytes:
    """Return the site's secret from the user's data folder; it is made at the first use.

    Raises
    ------
    InputError
        The file holds something else: it is never made anew, since known patients would get new keys.
    LesionscopeError
        It can't be read or made.
    """
    path = (data_folder() if folder is None else folder) / SECRET_FILE
    try:
        if not path.exists():
            _make(path)
        text = path.read_text(encoding="ascii").strip()
        secret = bytes.fromhex(text)
    except OSError as error:
        raise LesionscopeError(
            f"The site's secret {path} can't be read or made ({error.strerror or error}): "
            "mend the permissions of that folder."
        ) from error
    except ValueError as error:
        raise InputError(_damaged(path)) from error
    if len(secret) != SECRET_BYTES:
        raise InputError(_damaged(path))
    return secret


def patient_key(secret: bytes, source: Source) -> str:
    """Return the key of whoever was scanned; of the study, or the series, where nobody is named.

    One without a number goes by the name, however it is spelled, and the birth date. A phantom of the clinic
    has the same key whatever the secret: see :func:`phantom_key`.
    """
    return patient_keys(secret, source)[0]


def patient_keys(secret: bytes, source: Source) -> tuple[str, ...]:
    """Return all keys that whoever was scanned may be known by: today's, and that of earlier versions.

    Those went by the name as the files spell it.
    """
    who = source.patient
    if phantom := _PHANTOM.fullmatch(who.patient_id):
        return (phantom_key(phantom[1], int(phantom[2])),)
    if who.patient_id:
        return (key(secret, "patient", who.patient_id),)
    if who.name:
        names = (who.plain_name, who.name)
        return tuple(key(secret, "patient", f"{name}\0{who.birth_date}") for name in dict.fromkeys(names))
    return (study_key(secret, source),)


def phantom_key(split: str, seed: int) -> str:
    """Return the key of a phantom patient of the clinic, in every bank of every site."""
    return key(PHANTOM_SECRET, "patient", f"{split}/{seed}")


def study_key(secret: bytes, source: Source) -> str:
    """Return the key of a study; of the series where no study is named."""
    return key(secret, "study", source.study_uid or source.uid)


def key(secret: bytes, kind: str, identifier: str) -> str:
    """Return the key of an identifier, in hex: the first half of the HMAC, which is enough (RFC 2104, §5)."""
    return hmac.new(secret, f"{kind}\0{identifier}".encode(), hashlib.sha256).hexdigest()[:KEY_DIGITS]


def _make(path: Path) -> None:
    """Write a new secret that only its owner may read; whoever comes second keeps the first one's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(SECRET_BYTES) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)


def _damaged(path: Path) -> str:
    return (
        f"{path} is not a site's secret of {SECRET_BYTES} bytes in hex: put back a copy of it, or remove it "
        "to begin anew (banks made with it will then not know their patients again)."
    )
