"""A lesion on a volume → a frozen Reading: scope, crop, network, calibration, familiarity."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.crops import crop
from lesionscope.ct.volume import CTVolume
from lesionscope.inference import scope
from lesionscope.inference.networks import Network, Outputs
from lesionscope.inference.reading import NodeScore, PathologyAnswer, PredictionSet, Reading, Refusal
from lesionscope.inference.runner import Runner, Runtime, timed
from lesionscope.lesions.lesion import Lesion
from lesionscope.models.package import ModelPackage
from lesionscope.models.prediction_sets import covering_nodes, node_words
from lesionscope.models.probabilities import TreeScores, tree_scores
from lesionscope.progress import CancelToken, Progress, silent

STEPS = 4


class Predictor:
    """Reads lesions with one model package; may be shared between threads.

    The network is loaded at the first reading, or by :meth:`prepare`.

    Parameters
    ----------
    package
        The model.
    device
        ``auto`` (a GPU when there is one), ``cpu``, ``cuda`` or ``cuda:N``.
    threads
        CPU threads of one inference.
    unfamiliar_below
        Familiarity below this marks an answer unfamiliar; the card's by default.
    runtime
        ``auto``: torch on a GPU, ONNX Runtime on the CPU. ``onnx`` and ``torch``
        ask for one on the CPU too.
    """

    def __init__(
        self,
        package: ModelPackage,
        *,
        device: str = "auto",
        threads: int = 2,
        unfamiliar_below: float | None = None,
        runtime: Runtime = "auto",
    ) -> None:
        self.package = package
        self._runner = Runner(package, device=device, threads=threads, runtime=runtime)
        card_threshold = package.card.familiarity.threshold
        self._unfamiliar_below = card_threshold if unfamiliar_below is None else unfamiliar_below

    @property
    def model(self) -> str:
        """Name and version of the package, as readings and reports give them."""
        return self._runner.model

    def prepare(self) -> None:
        """Check the package's files and load all that a reading needs, so that the first one is fast."""
        network = self._runner.ready()
        shape = self.package.card.preprocessing.shape
        self._answer(network.run(np.zeros((1, 1, *shape), dtype=np.float32)))

    def close(self) -> None:
        """Let go of the network; a reading that is under way ends as it would have."""
        self._runner.close()

    def read(
        self,
        volume: CTVolume,
        lesion: Lesion,
        *,
        cancel: CancelToken | None = None,
        progress: Progress = silent,
        override_scope: bool = False,
    ) -> Reading:
        """Read one lesion.

        Parameters
        ----------
        volume
            The volume that it was marked on; never resampled, only its crop is.
        lesion
            Its centroid is the crop's centre.
        cancel
            Stops the work, the network included.
        progress
            Told before each step.
        override_scope
            Answer although the lesion is out of the model's scope.

        Returns
        -------
        Reading
            Whose ``pathology`` is an answer, or a :class:`Refusal` with the reason.

        Raises
        ------
        Cancelled
            By ``cancel``.
        InputError
            The package is damaged.
        """
        token = CancelToken() if cancel is None else cancel
        timings: dict[str, float] = {}
        network: Network | None = None
        embedding: tuple[float, ...] = ()
        notes: tuple[str, ...] = ()
        with timed(timings, "total"):
            found = self._input(volume, lesion, token, progress, override_scope, timings)
            pathology: PathologyAnswer | Refusal
            if isinstance(found, Refusal):
                pathology = found
            else:
                notes = scope.notes(volume, lesion, self.package)
                progress(2, STEPS, "Loading the model")
                with timed(timings, "load"):
                    network = self._runner.ready()
                token.check()
                progress(3, STEPS, "Reading the lesion")
                with timed(timings, "network"):
                    outputs, network = self._runner.run(network, found, token)
                with timed(timings, "scores"):
                    pathology = self._answer(outputs)
                embedding = tuple(outputs["embedding"][0].astype(float).tolist())
        progress(STEPS, STEPS, "Done")
        return Reading(
            id=str(uuid.uuid4()),
            lesion_id=lesion.id,
            created=datetime.now(UTC).isoformat(timespec="milliseconds"),
            provenance=self._runner.provenance(volume, lesion, network, notes),
            pathology=pathology,
            embedding=embedding,
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
    ) -> NDArray[np.float32] | Refusal:
        """Judge the scope, then crop: the network's input, or why there is none."""
        token.check()
        progress(0, STEPS, "Checking the place")
        with timed(timings, "scope"):
            refused = scope.impossible(volume, lesion)
            if refused is None and not override_scope:
                refused = scope.out_of_scope(volume, lesion, self.package)
        if refused is not None:
            return Refusal(refused)
        token.check()
        progress(1, STEPS, "Cutting the crop")
        with timed(timings, "crop"):
            cube = self._cube(volume, lesion)
        token.check()
        if cube is None:
            return Refusal(
                "The scan holds values that are not numbers around this lesion, so it can't be read: "
                "export the series again from where it came."
            )
        return cube

    def _cube(self, volume: CTVolume, lesion: Lesion) -> NDArray[np.float32] | None:
        """Crop and normalise as the card says, ``(1, 1, z, y, x)``; ``None`` where a value isn't finite."""
        how = self.package.card.preprocessing
        hu = crop(volume, lesion.centroid_lps_mm, shape=how.shape, spacing_mm=how.spacing_mm)
        if not np.isfinite(hu).all():
            return None
        return np.ascontiguousarray(how.normalise(hu)[np.newaxis, np.newaxis])

    def _answer(self, outputs: Outputs) -> PathologyAnswer | Refusal:
        tree, card = self.package.tree, self.package.card
        if not all(np.isfinite(values).all() for values in outputs.values()):
            return Refusal(
                f"'{card.title}' gave no finite answer for this lesion: try another model, "
                "or install the package again."
            )
        logits = {head.name: outputs[head.name] for head in tree.heads}
        scores = tree_scores(tree, logits, card.calibration.heads)
        nodes = tuple(
            NodeScore(
                node.tag,
                node.name,
                node.parent,
                float(scores.conditional[0, column]),
                float(scores.probability[0, column]),
            )
            for column, node in enumerate(tree.nodes)
        )
        familiarity = float(self.package.familiarity(outputs["embedding"])[0])
        unfamiliar = familiarity < self._unfamiliar_below
        return PathologyAnswer(
            nodes,
            MappingProxyType({head: float(mass[0]) for head, mass in scores.leak.items()}),
            familiarity,
            unfamiliar=unfamiliar,
            prediction_set=None if unfamiliar else self._set_of(scores),
        )

    def _set_of(self, scores: TreeScores) -> PredictionSet | None:
        """Return the set of the one case in ``scores``, where the card has a rule for it."""
        rule, tree = self.package.card.prediction_sets, self.package.tree
        if rule is None:
            return None
        inside = rule.members(scores.leaves())[0]
        nodes = covering_nodes(tree, {tag for tag, held in zip(tree.leaves, inside, strict=True) if held})
        ranked = sorted(nodes, key=lambda tag: -scores.probability[0, scores.column(tag)])
        return PredictionSet(rule.level, tuple(ranked), tuple(node_words(tree, tag) for tag in ranked))
