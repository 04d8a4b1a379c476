"""A click to the answers of every panel, all loaded: beside eager torch, SimpleITK and faiss (row 12).

``python -m benchmarks.click [--rounds 15] [--threads 2]``. Tree, labels and the ten nearest
known lesions of the bundled patient's first lesion, by the bundled packages and bank; ``note`` says how
many times the networks' own time it all takes. faiss comes with the extra ``bench``.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import replace

import numpy as np
import torch

from benchmarks.rows import interleaved, record
from benchmarks.sample import as_image, patient, resampled
from lesionscope.ct.crops import crop_geometry
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.patches import OFFSETS_MM, SIZE, lesion_patch, preprocess
from lesionscope.inference.label_predictor import NEIGHBOURS, LabelPredictor
from lesionscope.inference.networks import TorchNetwork
from lesionscope.inference.predictor import Predictor
from lesionscope.models import registry
from lesionscope.models.label_package import find_label_package
from lesionscope.retrieval.nearest import unit
from lesionscope.retrieval.registry import BUNDLED, banks_for

SHARE = 1.05
"""All of it, in times the networks' own: the aim."""


def main() -> None:
    """Check, measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    volume, lesions = patient()
    image, lesion = as_image(volume), lesions[0]
    pathology, labels = registry.find(), find_label_package()
    found = banks_for(labels.embedding_sha256, [BUNDLED]).banks
    assert found is not None
    (bank,) = found.banks
    tree_of = Predictor(pathology, runtime="onnx", threads=arguments.threads)
    labels_of = LabelPredictor(labels, runtime="onnx", threads=arguments.threads)
    shares: list[float] = []

    def ours() -> tuple[object, ...]:
        readings = (
            tree_of.read(volume, lesion, override_scope=True),
            labels_of.read(volume, lesion, bank=bank, override_scope=True),
        )
        total, network = (sum(r.timings_ms[part] for r in readings) for part in ("total", "network"))
        shares.append(total / network)
        return readings

    peer, note = None, "faiss isn't installed: it comes with the extra bench"
    try:
        import faiss
    except ImportError:
        pass
    else:
        vectors = np.fromfile(bank.folder / "embeddings.f32", np.float32).reshape(-1, bank.dimension)
        index = faiss.IndexFlatL2(bank.dimension)
        index.add(np.ascontiguousarray(vectors[: len(bank)]))
        networks, how = (TorchNetwork(pathology), TorchNetwork(labels)), pathology.card.preprocessing
        patch = lesion_patch(volume, lesion)
        flat = Geometry((SIZE, SIZE, len(OFFSETS_MM)), (1.0, 1.0, 2.0), patch.origin_lps_mm)

        def peer() -> tuple[object, ...]:
            cube = how.normalise(resampled(image, crop_geometry(lesion.centroid_lps_mm)))
            tree = networks[0].run(np.ascontiguousarray(cube[np.newaxis, np.newaxis]))
            hu = preprocess(resampled(image, flat))[np.newaxis]
            named = networks[1].run((hu, patch.box[np.newaxis]))
            return tree, named, index.search(unit(named["embedding"], bank.dimension), NEIGHBOURS)

        note = ""
        tree, named, (apart, _) = peer()
        readings = ours()
        assert np.allclose(readings[0].embedding, tree["embedding"][0], atol=1e-3)
        assert np.allclose(readings[1].embedding, named["embedding"][0], atol=1e-4)
        ours_apart = [known.distance for known in readings[1].neighbours]
        assert np.allclose(ours_apart, np.sqrt(apart[0]), atol=1e-3)
    row = interleaved(
        "click → tree, labels and known lesions, warm",
        ours,
        "torch eager + SimpleITK + faiss",
        peer,
        target=1.8,
        rounds=arguments.rounds,
        limit="the networks' own time",
        number=12,
    )
    share = statistics.median(shares[1:])
    aim = f"{share:.2f} times the networks' own time (aim {SHARE})"
    record(replace(row, note="; ".join(filter(None, (aim, note))), met=row.met and share <= SHARE))


if __name__ == "__main__":
    main()
