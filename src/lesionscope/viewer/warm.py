"""What the first click on a study would wait for, done in the background while a person looks around."""

from __future__ import annotations

from collections.abc import Callable

from lesionscope.ct.volume import CTVolume
from lesionscope.progress import CancelToken

Warm = Callable[[CTVolume, CancelToken], None]


def warm_up(volume: CTVolume, cancel: CancelToken) -> None:
    """Load what marking, measuring, judging and recalling need beside the networks; the second is quick.

    Raises
    ------
    Cancelled
        It was asked to stop.
    """
    import pandas  # noqa: F401  # napari's layers of marks load it

    from lesionscope.config import load
    from lesionscope.ct.lungs import lung_region
    from lesionscope.viewer.recall import spans_of

    if load().click_box:
        from lesionscope.inference.click_box import practise

        practise()
    cancel.check()
    lung_region(volume)
    cancel.check()
    spans_of("")
