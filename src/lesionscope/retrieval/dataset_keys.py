"""Keys of the patients, studies and lesions of a dataset in DeepLesion's layout.

A harvest calls patients by running numbers and keeps the keys that these stand for, under the site's
secret, in ``harvest/numbers.json``: with them a patient's scan and the lesions harvested of it are known
to belong together. A released dataset has its numbers only, and keys are made of those.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lesionscope.errors import InputError, unreadable
from lesionscope.lesions.deeplesion import DeepLesionRow
from lesionscope.retrieval.keys import key

NUMBERS = Path("harvest", "numbers.json")
"""Where a harvest keeps the keys of patients, studies and series, and the number of each."""
KIND = "deeplesion"


@dataclass(frozen=True)
class DatasetKeys:
    """What a dataset's numbers stand for.

    Parameters
    ----------
    harvested
        Numbers of a patient, of a study or of a series (1, 2 or 3 of them) → the last one's key; ``None``
        for a dataset that was not harvested here.
    """

    harvested: Mapping[tuple[int, ...], str] | None = None

    def patient(self, secret: bytes, row: DeepLesionRow) -> str:
        """Return the key of a lesion's patient; see :meth:`study` for errors."""
        if self.harvested is None:
            return key(secret, "patient", f"{KIND}/{row.patient}")
        return self._key(row.patient)

    def study(self, secret: bytes, row: DeepLesionRow) -> str:
        """Return the key of a lesion's study.

        Raises
        ------
        InputError
            The harvest doesn't know that number.
        """
        if self.harvested is None:
            return key(secret, "study", f"{KIND}/{row.patient}/{row.study}")
        return self._key(row.patient, row.study)

    def lesion(self, row: DeepLesionRow, number: int) -> str:
        """Return the id of a lesion, which is on row ``number`` of its table now.

        A harvest that grows moves its rows, and two harvests have the same numbers; so a harvested lesion
        is named after its scan and its place in it. See :meth:`study` for errors.
        """
        if self.harvested is None:
            return f"{KIND}:{number}"
        series = self._key(row.patient, row.study, row.series)
        place = f"{series}/{row.key_slice}/{','.join(map(repr, row.measurement))}"
        return f"{KIND}:{key(b'', 'lesion', place)}"

    def _key(self, *numbers: int) -> str:
        assert self.harvested is not None
        if numbers not in self.harvested:
            raise InputError(
                f"{NUMBERS.as_posix()} doesn't know patient {numbers[0]}'s scan: harvest into a new folder."
            )
        return self.harvested[numbers]


def read_dataset_keys(root: Path) -> DatasetKeys:
    """Return the keys of a dataset.

    Raises
    ------
    InputError
        It was harvested, but its keys can't be read.
    """
    path = root / NUMBERS
    if not path.is_file():
        return DatasetKeys()
    try:
        numbers: Any = json.loads(path.read_text(encoding="utf-8"))["numbers"]
        found = {}
        for name in numbers:
            keys = name.split("/")
            above = ("/".join(keys[:end]) for end in range(1, len(keys) + 1))
            found[tuple(int(numbers[one]) for one in above)] = keys[-1]
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, "the keys of a harvest", error) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path} is damaged: put back a copy of it, or harvest into a new folder."
        ) from error
    return DatasetKeys(found)
