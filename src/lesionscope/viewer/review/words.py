"""Every sentence and label of the review dock, in one table."""

from __future__ import annotations

from typing import Final, NamedTuple

from lesionscope.session.decisions import Verdict
from lesionscope.session.mined import Relation
from lesionscope.session.queue import Order


class Refused(NamedTuple):
    """Why a step isn't taken back or repeated; a blinded reader is told no more than ``nothing``."""

    nothing: str
    not_yours: str
    no_decision: str


DOCK: Final = "Review"
KEY_GROUP: Final = "Review"

# Beginning -----------------------------------------------------------------------
START: Final = "Review labels that were mined from reports, lesion by lesion, with the keyboard alone."
OPEN_PROJECT: Final = "Open a &project…"
OPEN_FOLDER: Final = "&DeepLesion folder…"
OPEN_TABLE: Final = "A &table of your own…"
OPEN_CLINIC: Final = "Phantom &clinic (made here)"
OPEN_TIPS: Final = {
    OPEN_PROJECT: "A reading project (.sqlite) that review was begun in",
    OPEN_FOLDER: "Mined labels (LesaNet's JSON), DL_info.csv and Images_png in one folder",
    OPEN_TABLE: "CSV: path, marks, sentence or labels, patient, split",
    OPEN_CLINIC: "Synthetic patients with reports; takes a minute the first time",
}
WHERE_PROJECT: Final = "Reading project"
WHERE_SAVED: Final = "Where the project is kept (an existing one is continued)"
WHERE_FOLDER: Final = "Folder with DL_info.csv and Images_png"
WHERE_LABELS: Final = "Mined labels"
WHERE_TABLE: Final = "Table of lesions"
WHERE_EXPORT: Final = "Where reviewed labels are written"
PROJECTS: Final = "Reading projects (*.sqlite *.db);;All files (*)"
LABEL_FILES: Final = "Mined labels (*.json);;All files (*)"
TABLES: Final = "Tables (*.csv *.tsv);;All files (*)"
OPENING: Final = "Opening…"
WHO: Final = "Who reads? The name is kept with each decision."
WHO_FIELD: Final = "Your name or initials"
BLINDED: Final = "&Blinded: hide predictions and other readers until a lesion is decided"
BEGIN: Final = "Begin  (Return)"
PROJECT_LINE: Final = "{name}: {count} lesions"
NO_NAME: Final = "Give a name: a decision without a reader can't be kept."
NAMESAKE: Final = "{other} has read here too: if {name} is the same person, change the name by Ctrl+R."
NO_LESIONS: Final = "The project holds no lesion with mined labels: import some first."

# A lesion ------------------------------------------------------------------------
PLACE: Final = "{place} of {count}"
TITLE: Final = "Lesion {number}"
PROGRESS: Final = "{finished} of {lesions} lesions, {decided} of {labels} shown labels"
READER: Final = "{reader}"
READER_BLINDED: Final = "{reader}, blinded"
QUEUED_BY: Final = "by {order}"
NO_SENTENCE: Final = "No sentence came with this lesion's labels."
NO_LABELS: Final = "Nothing was mined or predicted for it. F adds a label."
VEILED: Final = "Blinded: predictions and other readers appear once every mined label is decided."
LIFTED: Final = "You have seen predictions and other readers here already: the veil doesn't come back."
ALL_DECIDED: Final = "All {count} shown labels are decided.  N: next lesion"
IF_ACCEPTED: Final = "If accepted: {warning}"
LOADING: Final = "images follow…"
OTHER_IMAGES: Final = "The window shows this lesion's images no longer: N or P, and back, puts them up again."
READ_ONLY: Final = "Read-only: nothing can be decided in this window."
GUEST: Final = "In review the marks are the project's: they can't be changed here."
NO_MODEL: Final = "No label model is installed: only mined labels are shown."
PREDICTING: Final = "Predicting: {done} of {total} lesions"
UNREAD: Final = "not read by a model yet"

RELATIONS: Final[dict[Relation, tuple[str, str]]] = {
    "relevant": ("R", "of this lesion"),
    "uncertain": ("U", "in doubt"),
    "irrelevant": ("I", "of something else"),
}
"""Letter and meaning of a mention's relation."""
VERDICTS: Final[dict[Verdict, tuple[str, str]]] = {
    "accepted": ("✓", "yes"),
    "rejected": ("✗", "no"),
    "uncertain": ("?", "unsure"),
    "added": ("+", "added"),
}
"""Sign and word of a verdict."""
COLUMNS: Final = ("", "Label", "Mined", "Model", "Others")
COLUMN_TIPS: Final = (
    "Your decision: ✓ yes, ✗ no, ? unsure, + added",
    "≠: mined and predicted labels differ",
    "What the report was taken to say: R of this lesion, U in doubt, I of something else",
    "Model score; ● predicted, ○ not predicted",
    "Other readers' decisions",
)

# Search --------------------------------------------------------------------------
SEARCH: Final = {
    "add": "Add a label: type to search",
    "replace": "In place of “{label}”: type to search",
    "label": "Only lesions with: type a label",
}
NOTHING_FOUND: Final = "No label or synonym holds these words."
SHOWN_ALREADY: Final = "shown"
EXCLUDES: Final = "excludes {labels}"
SEARCH_COLUMNS: Final = ("Label", "")
SEARCH_HINT: Final = "↓ ↑ choose, Return takes, Esc leaves"

# Queue and readers ----------------------------------------------------------------
ORDERS: Final[dict[Order, str]] = {
    "import": "order of import",
    "disagreement": "disagreement",
    "label": "label",
    "uncertainty": "uncertainty",
    "rarity": "rarity",
}
NO_PREDICTIONS: Final = "No lesion was read by a model yet (Ctrl+M): the order says nothing so far."
END_OF_QUEUE: Final = "That was the last lesion of the queue."
START_OF_QUEUE: Final = "That was the first lesion of the queue."
ALL_FINISHED: Final = "Every lesion of the queue is decided."
EMPTY_QUEUE: Final = "No lesion has “{label}”, mined or predicted."
BLINDED_ON: Final = "Blinded from now on; lesions that you have seen without the veil stay as they are."
BLINDED_OFF: Final = "No longer blinded: decisions on lesions not saved yet were made so."
BLIND_ORDER: Final = "Blinded readers can't have the queue by {order}: it is by import now."
UNDO_REFUSED: Final = Refused(
    nothing="Nothing of yours to undo.",
    not_yours="The last decision is another reader's: it isn't yours to undo.",
    no_decision="The last step is no decision, and isn't undone here: {what}.",
)
REDO_REFUSED: Final = Refused(
    nothing="Nothing of yours to redo.",
    not_yours="The decision last undone is another reader's: it isn't yours to redo.",
    no_decision="The step last undone is no decision, and isn't redone here: {what}.",
)
NO_LABEL_CHOSEN: Final = "Choose a label first."
LEFT_OUT: Final = "Not accepted, because of what you rejected or doubted: {labels}."
NOTHING_LEFT: Final = "Every shown label is decided already."
EXPORTED: Final = "{lesions} lesions written, {changed} changed by review: {name}"
EXPORTED_ADJUDICATED: Final = (
    "{lesions} lesions written, {changed} changed by review: {name}. {reader} adjudicates: what {reader} "
    "decided counts alone."
)

# Adjudication ----------------------------------------------------------------------
TWO_READERS: Final = "Adjudication needs two readers who have both read lesions to the end; here: {who}."
OWN_READING: Final = (
    "{first} and {second} are the two readers to compare, and {reader} can't adjudicate a reading of "
    "{reader}'s own: a third reader (Ctrl+R) decides between them."
)
NOT_BLINDED: Final = "A blinded reader can't adjudicate: Ctrl+B lifts the veil."
ADJUDICATION: Final = (
    "{first} and {second}: {open} of {count} disagreements open; lesions read by both: {lesions}"
)
NOT_LISTED: Final = "The lesion in sight isn't the one chosen in the list: Return goes to that one."
AGREED: Final = "Nothing is left to adjudicate.  G: back to the lesions"
OPEN_COLUMNS: Final = ("No.", "Label", "{first}", "{second}")
KAPPA_COLUMNS: Final = ("Agreement on", "κ", "alike")
NO_KAPPA: Final = "undefined"

# Buttons and the line of keys --------------------------------------------------------
BUTTONS: Final = {
    "A": "✓ Yes  A",
    "R": "✗ No  R",
    "U": "? Unsure  U",
    "F": "+ Add  F",
    "T": "⇄ Replace  T",
    "Shift+A": "✓ All  ⇧A",
    "P": "‹ Lesion  P",
    "N": "Lesion ›  N",
    "Ctrl+Z": "Undo  ^Z",
}
HINT: Final = (
    "↑ ↓ label   Return next undecided   Q order   L by label   G adjudicate   "
    "^Y redo   ^B blinded   ^M predict all   ^E export   ^R reader   F1 all keys"
)
