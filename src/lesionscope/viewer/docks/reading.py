"""The one dock on the right: a tab for each way of reading a lesion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from lesionscope.viewer import wording
from lesionscope.viewer.docks.labels import LabelsPanel
from lesionscope.viewer.docks.similar import SimilarPanel
from lesionscope.viewer.docks.tree import TreePanel

if TYPE_CHECKING:
    from lesionscope.viewer.room import Room


class ReadingPanel(QWidget):
    """Tabs over one lesion."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self.setObjectName("lesionscope-reading")
        self.tree, self.labels, self.similar = TreePanel(room), LabelsPanel(room), SimilarPanel(room)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setTabBarAutoHide(True)
        self.tabs.addTab(self.tree, wording.TREE_TAB)
        self.tabs.addTab(self.labels, wording.LABELS_TAB)
        self.tabs.addTab(self.similar, wording.SIMILAR_TAB)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self.tabs)
        self.setMinimumWidth(self.fontMetrics().horizontalAdvance("n" * 34))

    def show_tab(self, tab: str, *, search: bool = False) -> None:
        """Bring ``tree``, ``labels`` or ``similar`` to the front; ``search`` goes to the search field."""
        panel = {"tree": self.tree, "labels": self.labels, "similar": self.similar}[tab]
        self.tabs.setCurrentWidget(panel)
        if search:
            self.labels.search.setFocus()
            self.labels.search.selectAll()
