"""A label model with the bank of known lesions that was made with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lesionscope.config import Config
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.inference.label_predictor import LabelPredictor
from lesionscope.inference.reading import Reading, Refusal
from lesionscope.lesions.lesion import Lesion
from lesionscope.models.label_package import LABELS, LabelPackage
from lesionscope.progress import CancelToken, Progress, silent
from lesionscope.retrieval.bank import Bank
from lesionscope.retrieval.banks import Banks
from lesionscope.retrieval.keys import PHANTOM_SECRET, patient_keys, site_secret
from lesionscope.retrieval.registry import BUNDLED, banks_for


class LabelReader:
    """Names the labels of lesions and finds known ones like them.

    Parameters
    ----------
    predictor
        The model.
    bank
        Known lesions of the same package; ``None`` where there is no bank of it.
    problems
        What each reading says of banks that could not be asked.
    """

    def __init__(
        self, predictor: LabelPredictor, bank: Banks | None = None, problems: Sequence[str] = ()
    ) -> None:
        self.predictor = predictor
        self.bank = bank
        self.problems = tuple(problems)

    @property
    def package(self) -> LabelPackage:
        """The model's package."""
        return self.predictor.package

    def read(
        self,
        volume: CTVolume,
        lesion: Lesion,
        *,
        cancel: CancelToken | None = None,
        progress: Progress = silent,
        override_scope: bool = False,
    ) -> Reading:
        """Read one lesion; see :meth:`LabelPredictor.read`. The patient's own known lesions are left out."""
        bank = self.bank
        reading = self.predictor.read(
            volume,
            lesion,
            bank=bank,
            # All are the user's, or all are bundled.
            patient_key=None if bank is None else own_keys(bank.banks[0], volume.source),
            cancel=cancel,
            progress=progress,
            override_scope=override_scope,
        )
        if isinstance(reading.labels, Refusal):
            return reading
        made = replace(reading.provenance, notes=(*reading.provenance.notes, *self.problems))
        return replace(reading, provenance=made, banks=() if bank is None else bank.names)

    def prepare(self) -> None:
        """Load all that a reading needs, so that the first one is fast."""
        self.predictor.prepare()
        if self.bank is not None:
            self.bank.query(np.ones(self.bank.dimension), 1)

    def close(self) -> None:
        """Let go of the network and of the bank."""
        self.predictor.close()
        if self.bank is not None:
            self.bank.close()


def own_keys(bank: Bank, source: Source) -> tuple[str, ...]:
    """Return the keys under which a bank may know the patient of a series."""
    # Bundled banks hold phantoms, whose keys need no site's secret: none is made to ask them.
    secret = PHANTOM_SECRET if BUNDLED in bank.folder.parents else site_secret()
    return patient_keys(secret, source)


def open_label_reader(
    settings: Config, name: str | None = None, device: str | None = None
) -> LabelReader | None:
    """Open the label model that is asked for, with its bank.

    Parameters
    ----------
    settings
        Device, threads and the rest.
    name
        A package's name or path; by default the bundled one where it is there, else the first that is.
    device
        In place of the settings' own.

    Returns
    -------
    LabelReader or None
        ``None`` where no label model is installed and none was named.

    Raises
    ------
    InputError
        The one named isn't there, or can't be opened; or those that are there can't be opened, all of them.
    """
    wanted = name or settings.label_model
    package = LABELS.usual() if wanted is None else LABELS.find(wanted)
    if package is None:
        return None
    predictor = LabelPredictor(
        package,
        device=device or settings.device,
        threads=settings.threads,
        unfamiliar_below=settings.unfamiliar_below,
    )
    found = banks_for(package.embedding_sha256)
    return LabelReader(predictor, found.banks, found.problems)
