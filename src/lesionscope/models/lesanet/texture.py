"""The texture of a patch: what tells one scanner, or a phantom, from another (compare ``models/texture.py``).

The network's own embedding can't: real lesions lie among phantoms there. These numbers, free of any learning,
describe the residual r = x − x̄ (x̄ the mean of 3² pixels) where the smoothed slices are flat and have the HU
of lung, of fat, of soft tissue:

* log of r's variance, its skewness (asinh) and kurtosis (log), log of the number of pixels;
* mean and log deviation of x̄ there;
* r's autocorrelation at nine lags, in the plane and between slices: kernel, slice thickness and
  resampling show in it.

Pixels count by weights that fall off linearly at each limit, so that rounding never moves one in or out.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lesionscope.ct.patches import GREY_MEAN, GREYS, HIGHEST_HU, LOWEST_HU
from lesionscope.models.texture import above, asinh

TISSUES_HU = ((-1000.0, -700.0), (-150.0, -50.0), (0.0, 200.0))
FLAT_HU = 100.0
"""Largest range of the smoothed slice within 3² pixels."""
LAGS = (
    *((0, 0, 1), (0, 1, 0), (0, 1, 1), (0, 0, 2), (0, 2, 0)),
    *((0, 0, 3), (0, 3, 0), (1, 0, 0), (2, 0, 0)),
)
"""Lags (slice, row, column): slices of 2 mm, pixels of 1 mm."""
WIDTH = len(TISSUES_HU) * (6 + len(LAGS))
FEWEST = 200.0
"""With fewer pixels of a tissue than this, all but their number fade to 0."""


def patch_texture(patches: Tensor) -> Tensor:
    """Describe preprocessed patches ``(n, 3, 120, 120)``: ``(n, 45)``."""
    hu = (patches + GREY_MEAN / GREYS) * (HIGHEST_HU - LOWEST_HU) + LOWEST_HU
    smooth = functional.avg_pool2d(hu, 3, stride=1, padding=1, count_include_pad=False)
    r = hu - smooth
    spread = functional.max_pool2d(smooth, 3, stride=1, padding=1) + functional.max_pool2d(
        -smooth, 3, stride=1, padding=1
    )
    flat = above(-spread, -FLAT_HU)
    return torch.cat(
        [_tissue(smooth, r, above(smooth, low) * above(-smooth, -high) * flat) for low, high in TISSUES_HU],
        dim=1,
    )


def _tissue(smooth: Tensor, r: Tensor, w: Tensor) -> Tensor:
    """Describe the pixels that have weights; ``(n, 15)``."""

    def mean(values: Tensor, weights: Tensor) -> Tensor:
        return (values * weights).sum(dim=(1, 2, 3)) / weights.sum(dim=(1, 2, 3)).clamp(min=1.0)

    variance = mean(r.square(), w) + 1.0
    level = mean(smooth, w)
    unevenness = (mean((smooth - level[:, None, None, None]).square(), w) + 1.0).sqrt()
    numbers = [
        torch.log(variance),
        asinh(mean(r**3, w) / variance**1.5),
        torch.log(mean(r**4, w) / variance.square() + 1.0),
        level / 100.0,
        torch.log(unevenness),
    ]
    z, y, x = r.shape[1:]
    for k, j, i in LAGS:
        here = (slice(None), slice(0, z - k), slice(0, y - j), slice(0, x - i))
        there = (slice(None), slice(k, z), slice(j, y), slice(i, x))
        numbers.append(mean(r[here] * r[there], w[here] * w[there]) / variance)
    count = w.sum(dim=(1, 2, 3))
    enough = (count / FEWEST).clamp(max=1.0)
    return torch.cat([torch.stack(numbers, dim=1) * enough[:, None], torch.log1p(count)[:, None]], dim=1)
