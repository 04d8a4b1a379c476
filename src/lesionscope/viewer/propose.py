"""Diameters proposed for a click, in the background."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from lesionscope.ct.volume import CTVolume
from lesionscope.lesions.lesion import Lesion, Point
from lesionscope.progress import CancelToken, Progress
from lesionscope.viewer.workers import Worker

if TYPE_CHECKING:
    from lesionscope.inference.click_box import Proposal
    from lesionscope.report.segmentation import LesionMask
    from lesionscope.session.outline import KeptOutline
    from lesionscope.session.state import SessionState
    from lesionscope.session.store import Session

Propose = Callable[[CTVolume, Point, CancelToken], "Proposal | None"]


def default_propose(volume: CTVolume, click: Point, cancel: CancelToken) -> Proposal | None:
    """Propose a lesion, or nothing where the settings have it switched off; slow when first called."""
    from lesionscope.config import load

    if not load().click_box:
        return None
    from lesionscope.inference.click_box import propose

    return propose(volume, click, cancel=cancel)


def outline_of(lesion: Lesion, proposed: Mapping[str, KeptOutline]) -> tuple[Point, ...]:
    """Return the outline of a lesion that is as it was proposed, LPS mm; empty for any other."""
    kept = proposed.get(lesion.id)
    if kept is None or kept.fingerprint != lesion.fingerprint:
        return ()
    return kept.contour_lps_mm


def masks_of(
    lesions: Iterable[Lesion], proposed: Mapping[str, KeptOutline], shape: tuple[int, ...]
) -> list[LesionMask]:
    """Return the voxels of the lesions that are as they were proposed, on the volume's grid."""
    from lesionscope.report.segmentation import LesionMask

    return [
        LesionMask(lesion, proposed[lesion.id].whole(shape))
        for lesion in lesions
        if outline_of(lesion, proposed)
    ]


def take(session: Session, measured: Lesion, proposal: Proposal) -> SessionState:
    """Give a lesion its proposed diameters, in one step, with the outline that belongs to them."""
    from lesionscope.session.commands import KeepOutline, ReplaceLesion
    from lesionscope.session.outline import KeptOutline

    # The outline first: a state with the diameters has it then.
    session.apply(KeepOutline(KeptOutline.of(measured, proposal)))
    return session.apply(ReplaceLesion(measured))


class Proposer:
    """Asks for proposals on a room's worker.

    Parameters
    ----------
    worker
        The room's.
    propose
        Runs on its thread; ``None`` proposes nothing.
    on_proposal
        Called with the lesion as it was clicked and what is proposed for it.
    on_failure
        Called with a sentence where proposing failed.
    """

    def __init__(
        self,
        worker: Worker,
        propose: Propose | None,
        *,
        on_proposal: Callable[[Lesion, Proposal], None],
        on_failure: Callable[[str], None],
    ) -> None:
        self._worker, self._propose = worker, propose
        self._on_proposal, self._on_failure = on_proposal, on_failure

    def ask(self, volume: CTVolume, lesion: Lesion) -> None:
        """Have diameters proposed for a lesion that was clicked."""
        propose = self._propose
        if propose is None:
            return

        def task(cancel: CancelToken, _progress: Progress) -> Proposal | None:
            return propose(volume, lesion.centroid_lps_mm, cancel)

        def done(proposal: Proposal | None) -> None:
            if proposal is not None:
                self._on_proposal(lesion, proposal)

        self._worker.submit(task, done=done, failed=self._on_failure)
