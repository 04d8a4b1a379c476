"""Every sentence and label of the window, in one table.

The answer of a network is a *model score*; no string here or elsewhere in the
window calls it anything a physician alone can give.
"""

from __future__ import annotations

from typing import Final

from lesionscope.lesions.lesion import Lesion
from lesionscope.report import wording as words
from lesionscope.report.wording import percent

__all__ = ["percent", "size_text"]

# Always in sight -----------------------------------------------------------------
DEMONSTRATION: Final = "Demonstration model, not for clinical use"
RESEARCH: Final = "Research software, not for clinical use"
SCORE: Final = words.SCORE

# Names of panels, layers and commands ----------------------------------------------
READING_DOCK: Final = "Reading"
LESIONS_DOCK: Final = "Lesions"
TREE_TAB: Final = "Tree"
LABELS_TAB: Final = words.LABELS
SIMILAR_TAB: Final = "Similar"
LESIONS_LAYER: Final = "Lesions"
DIAMETERS_LAYER: Final = "Diameters"
OUTLINES_LAYER: Final = "Outlines"
MEASUREMENTS_LAYER: Final = "Measurements"
MEASUREMENT_TEXT_LAYER: Final = "Measurement values"
TOOLS: Final = {
    "navigate": "Navigate",
    "click": "Mark",
    "long": "Long",
    "short": "Short",
    "ruler": "Ruler",
    "circle": "Circle",
}
TOOL_TIPS: Final = {
    "navigate": "Look around; click a mark to select it, drag an end point to correct it",
    "click": "Click the centre of a lesion to mark and read it",
    "long": "Drag the long diameter of a lesion",
    "short": "Drag the short diameter of the selected lesion",
    "ruler": "Drag a distance in mm; it isn't kept",
    "circle": "Drag a circle: mean ± sd HU and area; it isn't kept",
}
HELP_HINT: Final = "F1 lists all keys"
KEY_HELP: Final = "This help"
KEY_ESCAPE: Final = "Put the tool away; again: clear rulers and circles"
KEY_NEXT: Final = "Next lesion"
KEY_PREVIOUS: Final = "Previous lesion"
KEY_READ: Final = "Read the selected lesion (again)"
KEY_DELETE: Final = "Remove the selected lesion"

# The tree ------------------------------------------------------------------------
NONE_OF_THESE: Final = words.NONE_OF_THESE
NONE_OF_THESE_TIP: Final = (
    "How far the model thinks that none of the classes at this level fits ({percent} %). "
    "It stands apart: the classes at this level share 100 % without it."
)
NODE_TIP: Final = (
    "{name}\nModel score {percent} %, never above the level over it\nWithin its level {conditional} %"
)
PREDICTION_SET: Final = words.PREDICTION_SET
PREDICTION_SET_TIP: Final = words.COVERAGE
UNFAMILIAR: Final = words.UNFAMILIAR
UNFAMILIAR_TIP: Final = (
    "The lesion lies far from all training examples (p = {p}). The scores below are shown hatched "
    "because nothing supports them here."
)
STALE: Final = "The lesion was changed after it was read: these scores belong to the old marks."
OTHER_MODEL: Final = "{answered} answered when this lesion was read; {installed} would now."
STALE_SHORT: Final = "changed since"
READ: Final = "Read"
READ_AGAIN: Final = "Read again"
READ_ANYWAY: Final = "Read anyway"
READ_ANYWAY_TIP: Final = "Ask the model although the lesion is outside what it was made for"
OUT_OF_SCOPE_READ: Final = "Read although outside the model's scope, at your request."
CANCEL: Final = "Cancel"
ABOUT_MODEL: Final = "About this model…"
NO_STUDY: Final = "Open a CT: drop a folder here, or File > Open Sample > Lesionscope."
NO_LESION: Final = "Mark a lesion: press C and click its centre, or press L and drag its long diameter."
SELECT_LESION: Final = "Select a lesion in the list to see its model scores."
NOT_READ: Final = "Lesion {number} has not been read by a model yet."
QUEUED: Final = "Waiting for the lesion before it…"
READING: Final = "Reading lesion {number}…"
CANCELLED: Final = "Reading was stopped at your request."
LESION_TITLE: Final = "Lesion {number}"

# The labels ----------------------------------------------------------------------
NO_LABEL_MODEL: Final = (
    "No label model is installed, so labels and similar lesions can't be shown. "
    "Put a package into the folder that `lesionscope doctor` names."
)
SCORE_AND_THRESHOLD: Final = f"{words.SCORE}, tick: threshold"
SEARCH_LABELS: Final = "Search the labels…"
NOTHING_FOUND: Final = "No label holds these words."
NO_LABEL: Final = words.NO_LABEL
NOT_PREDICTED: Final = "{count} more below their thresholds"
EXCLUDED_BY: Final = "conflict with {others}"
BELOW_THRESHOLD: Final = "below its threshold"
LABEL_TIP: Final = (
    "{name}\nModel score {percent} %, predicted from {threshold} %\n"
    "Before score propagation {own} %\nWhy: {why}"
)
CONFLICTS: Final = "Labels that exclude each other are both predicted: {pairs}."

# Similar lesions -----------------------------------------------------------------
NO_BANK: Final = "There is no bank of known lesions for this model: `lesionscope bank build` makes one."
NONE_ALIKE: Final = words.NO_NEIGHBOURS
THIS_LESION: Final = "This lesion"
DISTANCE: Final = "distance {distance:.2f}"
SHARED: Final = "shared"
ITS_OWN: Final = "only there"
NO_SENTENCE: Final = "no report sentence"
NO_PICTURE: Final = "no picture"
OPEN_NEIGHBOUR_TIP: Final = "Enter or a click shows it beside this lesion"
LOOKING_FOR_SCAN: Final = "Looking for the scan of this known lesion…"
NOT_IN_BANK: Final = "The bank does not have this lesion any more."
SCROLL_BOTH: Final = "The wheel scrolls both scans."
KEY_SLICE: Final = "slice of the lesion"
FROM_KEY_SLICE: Final = "{mm:.0f} mm nearer to the {end} than the lesion's slice"
BESIDE_SLICE: Final = "Slice of both scans"
AT_HAND: Final = "This known lesion lies in the study that is open: the views have gone to it."
BESIDE_TITLE: Final = "Beside a known lesion"
KEY_TREE: Final = "Show the tree"
KEY_LABELS: Final = "Show the labels"
KEY_SIMILAR: Final = "Show similar lesions"
KEY_SEARCH: Final = "Search the labels"

# The list ------------------------------------------------------------------------
STATE_WORKING: Final = "reading…"
STATE_QUEUED: Final = "waiting"
STATE_STALE: Final = "changed since"
STATE_REFUSED: Final = "out of scope"
STATE_FAILED: Final = "failed"
STATE_CANCELLED: Final = "stopped"
STATE_UNREAD: Final = "not read yet"
STATE_UNFAMILIAR: Final = "unfamiliar"
STATE_READ: Final = "read"
NO_SIZE: Final = "not measured"
DELETE: Final = "Delete"
DELETE_TIP: Final = "Remove the selected lesion; Undo brings it back  (Delete)"
UNDO: Final = "Undo"
UNDO_TIP: Final = "Undo: {what}  (Ctrl+Z)"
REDO: Final = "Redo"
REDO_TIP: Final = "Redo: {what}  (Ctrl+Y)"
NOTHING_TO_UNDO: Final = "Nothing to undo."
NOTHING_TO_REDO: Final = "Nothing to redo."
UNDONE: Final = "Undone: {what}"
REDONE: Final = "Done again: {what}"
EXPORT: Final = "Report…"
EXPORT_TIP: Final = "Write a report of all lesions as HTML, JSON or CSV"

# Notices -------------------------------------------------------------------------
UNEXPECTED: Final = "Something went wrong inside Lesionscope ({kind}: {error}). Nothing you marked was lost."
OUTSIDE_VOLUME: Final = "That point lies outside the scan: click inside it."
OPEN_FIRST: Final = "Open a CT first: drop its folder on the window, or use File > Open Folder."
MARKED_ALREADY: Final = "Lesion {number} is marked here already; Delete removes the new one."
LONG_FIRST: Final = "Draw the long diameter first (L), or select the lesion that this one belongs to."
TOO_SHORT: Final = "That line is too short to be a diameter: drag from edge to edge."
NOTHING_SELECTED: Final = "Select a lesion first: click its mark or its row."
NO_MODEL: Final = "No pathology model is installed."
SAVED: Final = "Report written: {names} in {folder}"
EXPORT_WHERE: Final = "Folder for the report"
NO_LESIONS_TO_EXPORT: Final = "There is no lesion to report yet: mark one first."

# The model's card ----------------------------------------------------------------
CARD_TITLE: Final = "About this model"
CARD_SCOPE: Final = "Scope"
CARD_INTENDED: Final = "Intended use"
CARD_LIMITS: Final = "Limits"
CARD_DATA: Final = "Training data"
CARD_METRICS: Final = "How well it does"
CARD_CALIBRATION: Final = "Calibration"
CARD_FAMILIARITY: Final = "Familiarity"
NOT_KNOWN: Final = "not known: this package has no bank of the lesions that the model was trained on"
CARD_LICENCE: Final = "Licence"
CARD_FILES: Final = "Files (SHA-256)"


def size_text(lesion: Lesion, *, unit: bool = False) -> str:
    """Long × short diameter in mm as people write it; a dash where nothing was measured."""
    parts = [f"{d.length_mm:.1f}" for d in (lesion.long, lesion.short) if d is not None]
    return (" × ".join(parts) + (" mm" if unit else "")) if parts else NO_SIZE
