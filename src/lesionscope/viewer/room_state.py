"""All that the panels and marks may draw, in one frozen value."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lesionscope.lesions.lesion import Lesion, Point

if TYPE_CHECKING:
    from lesionscope.ct.volume import CTVolume
    from lesionscope.ct.windows import Window
    from lesionscope.inference.reading import Reading, Task
    from lesionscope.models.label_package import LabelPackage
    from lesionscope.models.package import ModelPackage
    from lesionscope.session.outline import KeptOutline
    from lesionscope.session.state import SessionState
    from lesionscope.viewer.beside_desk import Beside
    from lesionscope.viewer.recall import Recalled


class Tool(enum.Enum):
    """What a press of the left button does on a canvas."""

    NAVIGATE = "navigate"
    CLICK = "click"
    LONG = "long"
    SHORT = "short"
    RULER = "ruler"
    CIRCLE = "circle"


class Phase(enum.Enum):
    """How far the reading of a lesion has come."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Status:
    """Progress of one piece of work; ``total`` 0 means unknown."""

    phase: Phase
    done: int = 0
    total: int = 0
    message: str = ""

    @property
    def is_working(self) -> bool:
        """Whether it is waiting or running."""
        return self.phase in (Phase.QUEUED, Phase.RUNNING)


@dataclass(frozen=True)
class Ruler:
    """A passing measurement between two points, LPS mm."""

    start_lps_mm: Point
    end_lps_mm: Point
    text: str
    plane: str


@dataclass(frozen=True)
class Circle:
    """A passing circle in one plane: centre LPS mm, radius mm, what it measured."""

    centre_lps_mm: Point
    radius_mm: float
    text: str
    plane: str


@dataclass(frozen=True)
class RoomState:
    """A room at one moment."""

    volume: CTVolume | None = None
    session: SessionState | None = None
    session_note: str = ""
    """Said once of the session file, for example that another program holds it."""
    selected: str | None = None
    tool: Tool = Tool.NAVIGATE
    statuses: Mapping[str, Status] = field(default_factory=dict)
    overrides: frozenset[str] = frozenset()
    """Lesions that the reader asked to have read although out of scope."""
    package: ModelPackage | None = None
    label_statuses: Mapping[str, Status] = field(default_factory=dict)
    label_package: LabelPackage | None = None
    labels_missing: bool = False
    """No label model is installed."""
    known: Mapping[str, Recalled | None] = field(default_factory=dict)
    """Known lesions that readings name, with their pictures; ``None``: the bank lost it."""
    beside: Beside | None = None
    """A known lesion that is shown beside the selected one."""
    window: Window | None = None
    """The grey-scale window of the views."""
    wanted_label: str = ""
    """What was typed to search the labels."""
    notice: str = ""
    """A sentence for the reader about the last thing asked for; empty when all is well."""
    warnings: tuple[str, ...] = ()
    """What is odd about the selected lesion's diameters."""
    rulers: tuple[Ruler, ...] = ()
    circles: tuple[Circle, ...] = ()
    folded: frozenset[str] = frozenset()
    unfolded: frozenset[str] = frozenset()
    """Nodes of the tree that the reader closed or opened by hand."""

    @property
    def lesions(self) -> tuple[Lesion, ...]:
        """The lesions of the session, in its order."""
        return self.session.lesions if self.session is not None else ()

    @property
    def lesion(self) -> Lesion | None:
        """The selected lesion."""
        return next((lesion for lesion in self.lesions if lesion.id == self.selected), None)

    @property
    def proposed(self) -> Mapping[str, KeptOutline]:
        """The outlines of lesions that are as their clicks proposed them."""
        return self.session.outlines if self.session is not None else {}

    @property
    def readings(self) -> Mapping[tuple[str, Task], Reading]:
        """The readings shown, by lesion and task."""
        return self.session.readings if self.session is not None else {}

    def reading(self, lesion_id: str | None, task: Task = "pathology") -> Reading | None:
        """Return the latest reading of a lesion for a task."""
        if self.session is None or lesion_id is None:
            return None
        return self.session.reading(lesion_id, task)

    def is_stale(self, lesion_id: str, task: Task = "pathology") -> bool:
        """Whether a lesion was edited after it was read."""
        return self.session is not None and self.session.is_stale(lesion_id, task)

    def status(self, lesion_id: str | None, task: Task = "pathology") -> Status | None:
        """Return how far the reading of a lesion has come, where one was asked for."""
        statuses = self.statuses if task == "pathology" else self.label_statuses
        return statuses.get(lesion_id) if lesion_id is not None else None

    def package_for(self, task: Task) -> ModelPackage | LabelPackage | None:
        """Return the package that answers for a task, once it is known."""
        return self.package if task == "pathology" else self.label_package
