"""By slices or by cubes: the same feature maps."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lesionscope.models.densenet3d import STEMS, DenseNet3d
from lesionscope.models.slicewise import SlicewiseDenseNet3d, _Convolution


def of_any_weights(stem: str) -> DenseNet3d:
    """A small network none of whose parameters is at its beginning."""
    torch.manual_seed(0)
    network = DenseNet3d(stem, growth=4, blocks=(2, 1, 1), bottleneck=8).eval()
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.is_floating_point() and tensor.ndim == 1:
                tensor.uniform_(0.5, 1.5)
    return network


@pytest.mark.parametrize("shape", [(32, 32, 32), (24, 40, 33), (35, 30, 24)])
@pytest.mark.parametrize("stem", STEMS)
def test_every_stage_is_the_same(stem: str, shape: tuple[int, int, int]) -> None:
    network = of_any_weights(stem)
    sliced = SlicewiseDenseNet3d(network)
    cubes = torch.rand(2, 1, *shape) * 2 - 1
    with torch.no_grad():
        wanted, found = network.stages(cubes), sliced.stages(cubes)
        torch.testing.assert_close(sliced(cubes), network(cubes), rtol=1e-4, atol=1e-5)
    assert list(wanted) == list(found)
    for name, maps in wanted.items():
        torch.testing.assert_close(found[name], maps, rtol=1e-4, atol=1e-5)


def test_cubes_of_a_batch_do_not_see_each_other() -> None:
    sliced = SlicewiseDenseNet3d(of_any_weights("monai"))
    one, other = torch.rand(2, 1, 1, 24, 24, 24)
    with torch.no_grad():
        together = sliced(torch.cat([one, other]))
        torch.testing.assert_close(together, torch.cat([sliced(one), sliced(other)]))


def test_a_convolution_that_cannot_go_by_slices_is_refused() -> None:
    with pytest.raises(ValueError, match="3³ with stride 1"):
        _Convolution(nn.Conv3d(2, 4, kernel_size=3, stride=2, padding=1))
