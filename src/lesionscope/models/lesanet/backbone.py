"""The multiscale CNN (§4.1): VGG-16 with batch normalisation, pooled at every block.

Modules are named as in the authors' code (``conv{block}_{layer}``, ``bn{block}_{layer}``,
``fc_pool{block}``), so that a checkpoint of theirs fits name by name.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .roi_pool import roi_pool, whole_pool
from .spec import BLOCKS, LAYERS, POOLED, PROJECTED, SLICES, LesaNetSpec

LESION_BLOCKS = 3
"""So many first blocks pool the lesion's box, the others the whole patch."""


class MultiscaleVGG(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """Patches and boxes → multiscale features.

    Block b of VGG-16 gives maps at scale 2^(1−b), taken after its last ReLU and before its
    max-pool. RoI pooling brings them to 5 × 5, of the lesion's box for b ≤ 3 (details) and of the
    whole patch for b > 3 (context); a linear layer, without a ReLU after it, projects each
    to 256 values. The fifth block has no max-pool.

    Parameters
    ----------
    spec
        Its width, and its rule for boxes.

    Attributes
    ----------
    bfloat16
        Whether convolutions compute in bfloat16, for training where that is quicker; not by default. What
        follows the pooling is float32 in any case.
    """

    def __init__(self, spec: LesaNetSpec) -> None:
        super().__init__()
        self.roi = spec.roi
        self.bfloat16 = False
        channels = SLICES
        for block, (width, layers) in enumerate(zip(spec.channels, LAYERS, strict=True), 1):
            for layer in range(1, layers + 1):
                self.add_module(f"conv{block}_{layer}", nn.Conv2d(channels, width, 3, padding=1))
                self.add_module(f"bn{block}_{layer}", nn.BatchNorm2d(width))
                channels = width
            self.add_module(f"fc_pool{block}", nn.Linear(POOLED * POOLED * width, PROJECTED))

    def forward(self, patches: Tensor, boxes: Tensor) -> Tensor:
        """Return features ``(n, 1280)``, the blocks in order.

        Parameters
        ----------
        patches
            Preprocessed ``(n, 3, 120, 120)``.
        boxes
            The lesions' boxes x0, y0, x1, y1 in patch pixels ``(n, 4)``.
        """
        features = []
        x = patches
        for block in range(1, BLOCKS + 1):
            if self.bfloat16:
                with torch.autocast(x.device.type, torch.bfloat16):
                    x = self._block(x, block)
            else:
                x = self._block(x, block)
            scale = 0.5 ** (block - 1)
            lesion = block <= LESION_BLOCKS
            pooled = roi_pool(x, boxes, scale, self.roi) if lesion else whole_pool(x, scale, self.roi)
            project = self.get_submodule(f"fc_pool{block}")
            features.append(project(pooled.flatten(1).to(project.weight.dtype)))
        return torch.cat(features, dim=1)

    def _block(self, x: Tensor, block: int) -> Tensor:
        """Return a block's maps after its last ReLU."""
        x = functional.max_pool2d(x, 2) if block > 1 else x
        for layer in range(1, LAYERS[block - 1] + 1):
            x = self.get_submodule(f"conv{block}_{layer}")(x)
            x = functional.relu(self.get_submodule(f"bn{block}_{layer}")(x), inplace=True)
        return x
