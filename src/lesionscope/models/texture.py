"""The texture of lung tissue in a cube: what tells one scanner, or a phantom, from another.

A network that was trained to be the same for every scanner forgets what the
picture itself looks like; these 18 numbers, free of any learning, keep it. They
describe the residual r = x − x̄ (x̄ the mean of 3³ voxels) where the smoothed
picture has the HU of lung and is flat, padding left out:

* log of r's variance, its skewness (asinh) and kurtosis (log);
* mean and log deviation of x̄ there, log of the number of voxels;
* r's autocorrelation at 12 lags, the noise power spectrum's other face
  (J. T. Bushberg et al., *The Essential Physics of Medical Imaging*, 3rd ed.
  2012, §10.6): kernel, slice thickness and resampling show in it.

Voxels count by weights that fall off linearly at each limit, so that rounding
never moves one in or out, whatever library computes them.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lesionscope.models.card import Preprocessing

LUNG_HU = (-1000.0, -700.0)
FLAT_HU = 100.0
"""Largest range of the smoothed picture within 3³ voxels."""
RAMP_HU = 20.0
"""Width over which a voxel's weight falls from 1 to 0 at a limit."""
LAGS = (
    *((0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 0, 2), (0, 2, 0), (2, 0, 0)),
    *((0, 0, 3), (0, 3, 0), (3, 0, 0), (0, 1, 1), (1, 1, 0), (1, 0, 1)),
)
"""Lags (z, y, x) in voxels of 1 mm."""
WIDTH = 6 + len(LAGS)
FEWEST = 200.0
"""With fewer voxels than this, all but their number fade to 0."""


def lung_texture(cube: Tensor, preprocessing: Preprocessing | None = None) -> Tensor:
    """Describe cubes ``(n, 1, z, y, x)`` as the network sees them: ``(n, 18)``.

    Parameters
    ----------
    cube
        Normalised cubes.
    preprocessing
        How they were normalised.
    """
    how = Preprocessing() if preprocessing is None else preprocessing
    low, high = how.clip_hu
    a, b = how.range
    hu = (cube - a) * ((high - low) / (b - a)) + low
    smooth = functional.avg_pool3d(hu, 3, stride=1, padding=1, count_include_pad=False)
    r = hu - smooth
    spread = functional.max_pool3d(smooth, 3, stride=1, padding=1) + functional.max_pool3d(
        -smooth, 3, stride=1, padding=1
    )
    w = (
        above(smooth, LUNG_HU[0])
        * above(-smooth, -LUNG_HU[1])
        * above(-spread, -FLAT_HU)
        * _away_from_padding(hu, low)
    )

    count = _total(w)

    def mean(values: Tensor) -> Tensor:
        return _total(values * w) / count.clamp(min=1.0)

    square = r.square()
    variance = mean(square) + 1.0
    level = mean(smooth)
    unevenness = (mean((smooth - level[:, None, None, None, None]).square()) + 1.0).sqrt()
    numbers = [
        torch.log(variance),
        asinh(mean(square * r) / variance**1.5),
        torch.log(mean(square.square()) / variance.square() + 1.0),
        level / 100.0,
        torch.log(unevenness),
    ]
    weighted = r * w
    z, y, x = cube.shape[2:]
    for k, j, i in LAGS:
        here = (slice(None), slice(None), slice(0, z - k), slice(0, y - j), slice(0, x - i))
        there = (slice(None), slice(None), slice(k, z), slice(j, y), slice(i, x))
        pairs = _total(w[here] * w[there]).clamp(min=1.0)
        numbers.append(_total(weighted[here] * weighted[there]) / pairs / variance)
    enough = (count / FEWEST).clamp(max=1.0)
    return torch.cat([torch.stack(numbers, dim=1) * enough[:, None], torch.log1p(count)[:, None]], dim=1)


def _total(values: Tensor) -> Tensor:
    return values.sum(dim=(1, 2, 3, 4))


def asinh(s: Tensor) -> Tensor:
    """Spell out asinh, which the exporter to ONNX has no word for."""
    return torch.sign(s) * torch.log(s.abs() + (s.square() + 1.0).sqrt())


def above(values: Tensor, limit: float) -> Tensor:
    """Return weights that rise from 0 at ``limit`` to 1 at ``limit + RAMP_HU``."""
    return ((values - limit) / RAMP_HU).clamp(0.0, 1.0)


def _away_from_padding(hu: Tensor, padding_hu: float) -> Tensor:
    """Weigh 1 where most of the 3³ voxels, and of those next to them, lie above the padding."""
    scanned = (hu - padding_hu).clamp(0.0, 1.0)
    share = functional.avg_pool3d(scanned, 3, stride=1, padding=1, count_include_pad=False)
    fewest = -functional.max_pool3d(-share, 5, stride=1, padding=2)
    return ((fewest - 0.5) * 5.0).clamp(0.0, 1.0)
