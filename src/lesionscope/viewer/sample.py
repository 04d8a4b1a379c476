"""The sample study: a phantom chest, made when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lesionscope.progress import CancelToken, Progress

if TYPE_CHECKING:
    from lesionscope.ct.volume import CTVolume
    from lesionscope.phantom.chest_series import PhantomTruth

SEED = 1


def phantom_study() -> tuple[CTVolume, CTVolume]:
    """Make the chest behind a progress window; returns it as read and as shown.

    Raises
    ------
    Cancelled
        The person pressed Cancel.
    """
    from lesionscope.ct.display import display_volume
    from lesionscope.viewer.busy import with_progress

    def work(progress: Progress, cancel: CancelToken) -> tuple[CTVolume, CTVolume]:
        volume, _ = phantom_with_truth(progress, cancel)
        return volume, display_volume(volume)

    return with_progress("Making a phantom chest…", work)


def phantom_with_truth(progress: Progress, cancel: CancelToken) -> tuple[CTVolume, tuple[PhantomTruth, ...]]:
    """Make the chest, with what is known of its lesions."""
    from lesionscope.phantom.chest_series import chest_volume

    return chest_volume(SEED, progress=progress, cancel=cancel)
