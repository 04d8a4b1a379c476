"""The docks as napari's Plugins menu makes them: from a viewer, whose room they draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lesionscope.viewer.docks.candidates import CandidatesPanel
from lesionscope.viewer.docks.lesion_list import LesionListPanel
from lesionscope.viewer.docks.reading import ReadingPanel
from lesionscope.viewer.docks.report import ReportPanel
from lesionscope.viewer.docks.review import ReviewPanel
from lesionscope.viewer.rooms import room_for, stage_of

if TYPE_CHECKING:
    import napari


class ReadingDock(ReadingPanel):
    """Model scores of the selected lesion."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(room_for(napari_viewer))


class ReportDock(ReportPanel):
    """The report of the study's lesions, as it will be written."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(room_for(napari_viewer))


class LesionsDock(LesionListPanel):
    """Tools and the list of lesions."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(room_for(napari_viewer))


class ReviewDock(ReviewPanel):
    """Mined and predicted labels, lesion by lesion."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        bench = stage_of(napari_viewer).bench
        super().__init__(bench.review, bench.dock_keys, bench.set_in_sight)


class CandidatesDock(CandidatesPanel):
    """What was found of lesions, to be accepted or refused."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(stage_of(napari_viewer).find)
