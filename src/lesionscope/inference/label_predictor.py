"""A lesion on a volume → a frozen Reading of labels: patch, network, reasons, known lesions like it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.patches import LesionPatch, lesion_patch, preprocess
from lesionscope.ct.volume import CTVolume
from lesionscope.errors import InputError
from lesionscope.inference import scope
from lesionscope.inference.label_scores import Propagation, conflicts, label_scores
from lesionscope.inference.networks import Network, Outputs
from lesionscope.inference.reading import LabelAnswer, Reading, Refusal
from lesionscope.inference.runner import Runner, Runtime, timed
from lesionscope.lesions.lesion import Lesion
from lesionscope.models.label_package import LabelPackage, ontology_digest
from lesionscope.ontology.label_graph import load_labels
from lesionscope.progress import CancelToken, Progress, silent
from lesionscope.retrieval.known import Neighbour

STEPS = 4
NEIGHBOURS = 10
PROPAGATION = "class_scores2.weight"
"""The score propagation layer's tensor in the weights."""
OTHER_ONTOLOGY = (
    "This model was made with another version of the label ontology: what a label implies or excludes "
    "may differ from what it was trained on."
)


class Known(Protocol):
    """A bank of known lesions: see :mod:`lesionscope.retrieval`."""

    def query(
        self,
        embedding: NDArray[np.float32],
        k: int = ...,
        *,
        exclude_patient: str | Sequence[str] | None = None,
    ) -> tuple[Neighbour, ...]:
        """Return the nearest known lesions, the nearest first."""


class LabelPredictor:
    """Reads lesions with one label package; may be shared between threads.

    The network is loaded at the first reading, or by :meth:`prepare`.

    Parameters
    ----------
    package
        The model.
    device, threads, runtime
        See :class:`~lesionscope.inference.runner.Runner`.
    unfamiliar_below
        Familiarity below this marks an answer unfamiliar; the card's by default.
    """

    def __init__(
        self,
        package: LabelPackage,
        *,
        device: str = "auto",
        threads: int = 2,
        unfamiliar_below: float | None = None,
        runtime: Runtime = "auto",
    ) -> None:
        self.package = package
        self._runner = Runner(package, device=device, threads=threads, runtime=runtime)
        card = package.card
        if unfamiliar_below is None:
            unfamiliar_below = 0.0 if card.familiarity is None else card.familiarity.threshold
        self._unfamiliar_below = unfamiliar_below
        same = ontology_digest(card.labels) == card.ontology
        self._notes = () if same else (OTHER_ONTOLOGY,)

    @property
    def model(self) -> str:
        """Name and version of the package, as readings and reports give them."""
        return self._runner.model

    def prepare(self) -> None:
        """Check the package's files and load all that a reading needs, so that the first one is fast."""
        network = self._runner.ready()
        size = self.package.card.preprocessing["size"]
        blank = np.zeros((1, 3, size, size), np.float32), np.array([[40, 40, 80, 80]], np.float32)
        self._answer(network.run(blank))

    def close(self) -> None:
        """Let go of the network; a reading that is under way ends as it would have."""
        self._runner.close()

    def read(
        self,
        volume: CTVolume,
        lesion: Lesion,
        *,
        bank: Known | None = None,
        patient_key: str | Sequence[str] | None = None,
        cancel: CancelToken | None = None,
        progress: Progress = silent,
        override_scope: bool = False,
    ) -> Reading:
        """Read one lesion.

        Parameters
        ----------
        volume
            The volume that it was marked on; never resampled, only its patch is.
        lesion
            Its box is what counts.
        bank
            Where to look for known lesions like it; none by default.
        patient_key
            The key under which the bank knows the volume's patient, or all that it may be: the patient's
            lesions are left out.
        cancel
            Stops the work, the network included.
        progress
            Told before each step.
        override_scope
            Answer although the lesion lies outside the body.

        Returns
        -------
        Reading
            Whose ``labels`` is an answer, or a :class:`Refusal` with the reason.

        Raises
        ------
        Cancelled
            By ``cancel``.
        InputError
            The package is damaged, or the bank belongs to another one.
        """
        token = CancelToken() if cancel is None else cancel
        timings: dict[str, float] = {}
        network: Network | None = None
        embedding = np.zeros(0, np.float32)
        neighbours: tuple[Neighbour, ...] | None = None
        notes: tuple[str, ...] = ()
        labels: LabelAnswer | Refusal
        with timed(timings, "total"):
            found = self._input(volume, lesion, token, progress, override_scope, timings)
            if isinstance(found, Refusal):
                labels = found
            else:
                notes = (*self._notes, *found.notes)
                progress(2, STEPS, "Loading the label model")
                with timed(timings, "load"):
                    network = self._runner.ready()
                token.check()
                progress(3, STEPS, "Naming the lesion's labels")
                with timed(timings, "network"):
                    inputs = preprocess(found.hu)[np.newaxis], found.box[np.newaxis]
                    outputs, network = self._runner.run(network, inputs, token)
                with timed(timings, "scores"):
                    labels = self._answer(outputs)
                if isinstance(labels, LabelAnswer):
                    embedding = outputs["embedding"][0]
                    if bank is not None:
                        with timed(timings, "neighbours"):
                            neighbours = bank.query(embedding, NEIGHBOURS, exclude_patient=patient_key)
        progress(STEPS, STEPS, "Done")
        return Reading(
            id=str(uuid.uuid4()),
            lesion_id=lesion.id,
            created=datetime.now(UTC).isoformat(timespec="milliseconds"),
            provenance=self._runner.provenance(volume, lesion, network, notes),
            labels=labels,
            neighbours=neighbours,
            embedding=tuple(embedding.astype(float).tolist()),
            timings_ms=MappingProxyType(timings),
        )

    def _input(
        self,
        volume: CTVolume,
        lesion: Lesion,
        token: CancelToken,
        progress: Progress,
        override_scope: bool,
        timings: dict[str, float],
    ) -> LesionPatch | Refusal:
        """Judge the scope, then cut the patch; or say why there is none."""
        token.check()
        progress(0, STEPS, "Checking the place")
        with timed(timings, "scope"):
            refused = scope.impossible(volume, lesion)
            if refused is None and not override_scope:
                refused = scope.outside_body(volume, lesion)
        if refused is not None:
            return Refusal(refused)
        token.check()
        progress(1, STEPS, "Cutting the patch")
        try:
            with timed(timings, "patch"):
                patch = lesion_patch(volume, lesion)
        except InputError as error:
            return Refusal(str(error))
        token.check()
        return patch

    def _answer(self, outputs: Outputs) -> LabelAnswer | Refusal:
        card, graph = self.package.card, load_labels()
        if not all(np.isfinite(values).all() for values in outputs.values()):
            return Refusal(
                f"'{card.title}' gave no finite answer for this lesion: try another model, "
                "or install the package again."
            )
        scores, refined = (outputs[name][0].astype(np.float64) for name in ("scores", "refined"))
        answer = label_scores(card, graph, scores, refined, self._propagation)
        familiarity = None
        if card.familiarity is not None:
            p = self.package.familiarity(outputs[card.familiarity.layer])
            familiarity = None if p is None else float(p[0])
        return LabelAnswer(
            answer,
            conflicts(graph, answer),
            familiarity,
            unfamiliar=familiarity is not None and familiarity < self._unfamiliar_below,
        )

    @cached_property
    def _propagation(self) -> Propagation | None:
        """The score propagation layer's weights, read once; ``None`` where the network has none."""
        from safetensors import SafetensorError, safe_open

        path = self.package.weights_path
        try:
            with safe_open(path, framework="np") as weights:
                if PROPAGATION not in weights.keys():  # noqa: SIM118  # no mapping: it has no __contains__
                    return None
                return Propagation(weights.get_tensor(PROPAGATION).astype(np.float64))
        except (OSError, SafetensorError) as error:
            raise InputError(f"{path} can't be read ({error}); install the model package again.") from error
