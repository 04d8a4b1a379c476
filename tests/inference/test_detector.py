"""The detector without torch finds what the network finds, on slices of any shape."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_detector_package import LEAST, MOST, lively, make_detector_package
from waits import Waits

from lesionscope.errors import Cancelled, InputError
from lesionscope.inference import proposals
from lesionscope.inference.detector import OnnxDetector, open_detector
from lesionscope.models.detector import anchors as torch_anchors
from lesionscope.models.detector import boxes as torch_boxes
from lesionscope.models.detector.inputs import resized
from lesionscope.models.detector.network import Detector
from lesionscope.models.detector_package import DETECTORS, open_detector_package
from lesionscope.progress import CancelToken


@pytest.fixture(scope="module")
def network() -> Detector:
    return lively()


@pytest.fixture(scope="module")
def folder(network: Detector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_detector_package(tmp_path_factory.mktemp("packages") / "tiny-detector", network)


@pytest.fixture(scope="module")
def detector(folder: Path) -> OnnxDetector:
    return OnnxDetector(open_detector_package(folder), threads=1)


def random_slices(seed: int, rows: int, columns: int) -> np.ndarray:
    """HU with something of every size in it, body from edge to edge."""
    rng = np.random.default_rng(seed)
    hu = np.zeros((3, rows, columns))
    for side in (2, 8, 32):
        coarse = rng.normal(0, 300, (3, rows // side + 1, columns // side + 1))
        hu += coarse.repeat(side, axis=1).repeat(side, axis=2)[:, :rows, :columns]
    return np.clip(hu, -1000, 1500).astype(np.int16)


@pytest.mark.parametrize("size", [(128, 128), (200, 160), (90, 121)])
def test_it_finds_what_the_network_finds(
    network: Detector, detector: OnnxDetector, size: tuple[int, int]
) -> None:
    hu = random_slices(size[0], *size)
    picture, frame = detector.package.card.input.picture(hu)
    with torch.no_grad():
        (wanted,) = network(torch.from_numpy(picture)[None], LEAST, MOST)
    kept = torch_boxes.nms(wanted.boxes, wanted.scores, 0.3, MOST)
    found = detector.find(hu, (1.0, 1.0), LEAST, CancelToken())
    assert len(found.scores) > 4
    np.testing.assert_allclose(found.boxes, frame.to_slice(wanted.boxes[kept].numpy()), atol=0.02)
    np.testing.assert_allclose(found.scores, wanted.scores[kept].numpy(), atol=1e-4)
    assert found.categories.tolist() == wanted.categories[kept].tolist()
    assert found.padding == pytest.approx((5 / frame.scale,) * 2)
    surest = detector.find(hu, (1.0, 1.0), float(found.scores[1]), CancelToken())
    assert surest.scores.tolist() == pytest.approx([found.scores[0]])


@pytest.mark.parametrize("axis", [1, 2])
def test_pixels_that_are_not_square_are_seen_as_if_they_were(detector: OnnxDetector, axis: int) -> None:
    hu = random_slices(5, 128, 128).astype(np.float32)
    coarse = hu[:, ::2] if axis == 1 else hu[:, :, ::2]
    pixel_mm = (2.0, 1.0) if axis == 1 else (1.0, 2.0)
    found = detector.find(coarse, pixel_mm, LEAST, CancelToken())
    square = detector.find(resized(coarse, axis, 2.0), (1.0, 1.0), LEAST, CancelToken())
    shrink = np.array((1, 2, 1, 2) if axis == 1 else (2, 1, 2, 1))
    last = np.array([coarse.shape[2] - 1, coarse.shape[1] - 1] * 2)
    assert len(found.scores) > 4
    np.testing.assert_allclose(found.boxes, np.clip((square.boxes + 0.5) / shrink - 0.5, 0, last), atol=1e-3)
    assert found.padding == pytest.approx(np.array(square.padding) / shrink[:2])


def test_air_holds_nothing_and_nothing_breaks(detector: OnnxDetector) -> None:
    found = detector.find(np.full((3, 40, 40), -1000, np.int16), (1.0, 1.0), 0.999, CancelToken())
    assert found.boxes.shape == (0, 4)


@pytest.mark.parametrize("seed", range(3))
def test_arithmetic_on_boxes_is_that_of_the_network(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    placed = torch_anchors.anchors(9, 14, 8)
    np.testing.assert_allclose(proposals.anchors(9, 14, 8), placed.numpy(), atol=1e-5)
    deltas = torch.randn(len(placed), 4, generator=generator) * 3
    wanted = torch_boxes.clip(torch_boxes.decode(deltas, placed), 72, 112)
    made = proposals.decode(deltas.numpy(), placed.numpy(), (72, 112))
    np.testing.assert_allclose(made, wanted.numpy(), atol=1e-3)
    scores = torch.randint(0, 50, (len(placed),), generator=generator).float()
    for threshold, most in ((0.3, 1000), (0.7, 25)):
        kept = proposals.suppressed(wanted.numpy(), scores.numpy(), threshold, most)
        assert kept.tolist() == torch_boxes.nms(wanted, scores, threshold, most).tolist()


def test_a_cancelled_search_of_a_slice_ends_at_once(detector: OnnxDetector) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        detector.find(random_slices(1, 128, 128), (1.0, 1.0), LEAST, token)


def test_a_damaged_package_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / "head.onnx").write_bytes(b"no graph")
    with pytest.raises(InputError, match=r"head\.onnx was changed or damaged"):
        OnnxDetector(open_detector_package(copy)).prepare()
    with pytest.raises(InputError, match="no lesion detector named 'nothing'"):
        open_detector("nothing")


def test_a_damaged_package_of_ones_own_is_not_passed_over_for_the_bundled_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path(shutil.copytree(folder, tmp_path / "models" / DETECTORS.default))
    (own / "head.onnx").unlink()
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path))
    with pytest.raises(InputError, match=r"detector-demo lacks head\.onnx"):
        open_detector()


def test_threads_may_share_it(detector: OnnxDetector) -> None:
    hu = random_slices(2, 96, 96)
    alone = detector.find(hu, (1.0, 1.0), LEAST, CancelToken())
    results: list[np.ndarray] = []

    def work() -> None:
        results.append(detector.find(hu, (1.0, 1.0), LEAST, CancelToken()).boxes)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3 and all(np.array_equal(one, alone.boxes) for one in results)


def test_a_search_loads_no_torch(folder: Path) -> None:
    program = (
        "import sys, numpy as np\n"
        "from lesionscope.inference.detector import open_detector\n"
        "from lesionscope.inference.finder import search\n"
        "from lesionscope.ct.volume import CTVolume, Source\n"
        "from lesionscope.ct.geometry import Geometry\n"
        "hu = np.random.default_rng(0).normal(0, 300, (3, 96, 96)).astype(np.int16)\n"
        "volume = CTVolume(hu, Geometry((96, 96, 3), (1.0, 1.0, 2.0)), Source('1.2.3'))\n"
        "search(volume, open_detector(sys.argv[1], threads=1))\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "False"


@pytest.mark.slow
def test_what_a_slice_of_512_by_512_costs(network: Detector, tmp_path: Path) -> None:
    """``pytest -m slow -s`` on this file prints it."""
    folder = make_detector_package(tmp_path / "large", network, longest=512)
    detector = OnnxDetector(open_detector_package(folder), threads=2)
    hu = random_slices(3, 512, 512)
    found = detector.find(hu, (0.7, 0.7), LEAST, CancelToken())
    again = Waits("a slice of 512 × 512, warm")
    for _ in range(5):
        with again.one():
            boxes = detector.find(hu, (0.7, 0.7), LEAST, CancelToken())
        assert np.array_equal(boxes.boxes, found.boxes)
    print(again)
