"""The one dock on the right: a tab for each way of reading a lesion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from lesionscope.viewer import wording
from lesionscope.viewer.docks.tree import TreePanel

if TYPE_CHECKING:
    from lesionscope.viewer.room import Room


class ReadingPanel(QWidget):
    """Tabs over one lesion."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self.setObjectName("lesionscope-reading")
        self.tree = TreePanel(room)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setTabBarAutoHide(True)
        self.tabs.addTab(self.tree, wording.TREE_TAB)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs)
        self.setMinimumWidth(self.fontMetrics().horizontalAdvance("n" * 34))
