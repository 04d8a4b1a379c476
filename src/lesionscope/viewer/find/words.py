"""Every sentence and label of the candidates dock, in one table."""

from __future__ import annotations

from typing import Final

DOCK: Final = "Candidates"
KEY_GROUP: Final = "Find lesions"
LAYER: Final = "Candidate"

# Searching -----------------------------------------------------------------------
HERE: Final = "This slice  F"
THROUGH: Final = "Whole scan  ⇧F"
HERE_TIP: Final = "Look for lesions on the axial slice in sight  (F)"
THROUGH_TIP: Final = "Look for lesions on every slice  (Shift+F); this takes a while and can be stopped"
STOP: Final = "Stop"
WAITING: Final = "Loading the detector…"
SEARCHING: Final = "Searching slice {done} of {total}…"
BUSY: Final = "A search is under way: stop it first."
START: Final = "Press F to look for lesions on this slice, Shift+F to look through the whole scan."
NO_STUDY: Final = "Open a CT first: drop its folder on the window, or use File > Open Folder."

# What was found ------------------------------------------------------------------
FOUND: Final = "{count} candidates, {open} of them open; {what} in {seconds:.0f} s."
FOUND_ONE: Final = "1 candidate; {what} in {seconds:.0f} s."
NOTHING: Final = "No candidate; {what} in {seconds:.0f} s. That doesn't mean that there is no lesion."
OTHERS: Final = " From earlier searches, on other slices: {count}."
STOPPED: Final = "Stopped: {what}. "
ONE_SLICE: Final = "1 slice searched"
SLICES: Final = "{count} slices searched"
NO_SLICE: Final = "no slice searched"
SCORE_LINE: Final = "Score {percent} %"
SIZE: Final = "about {long:.0f} × {short:.0f} mm"
PLACE: Final = "slice {number} / {count}"
MARKED: Final = "✓ Lesion {number}"
REFUSED: Final = "✗ refused"
ROW_TIP: Final = (
    "{score} from the detector on this slice, where it is surest; seen on {slices}.\n"
    "The size follows from its box: correct the diameters once it is accepted."
)
SEEN_ON_ONE: Final = "this slice alone"
SEEN_ON: Final = "{count} slices"

# Deciding ------------------------------------------------------------------------
ACCEPT: Final = "✓ Accept  A"
REFUSE: Final = "✗ Refuse  D"
TAKE_BACK: Final = "Take back  D"
ACCEPT_TIP: Final = (
    "Make it a lesion with the proposed diameters, which is read at once; Ctrl+Z takes it back"
)
REFUSE_TIP: Final = "Leave it out while this study is open; the same key takes that back"
NONE_CHOSEN: Final = "Choose a candidate first: F looks for some on this slice."
OUT_OF_SIGHT: Final = "The candidates are out of sight: F6 shows them, and then A accepts and D refuses."
ALREADY: Final = "This place is marked already: lesion {number}."
HINT: Final = "↓ ↑ candidate   A accept   D refuse   ^Z undo\nEsc stop, back to the image   F1 all keys"

# Keys ----------------------------------------------------------------------------
KEY_HERE: Final = "Look for lesions on this slice"
KEY_THROUGH: Final = "Look for lesions through the whole scan"
KEY_DOCK: Final = "Show the candidates"
KEY_ACCEPT: Final = "Accept the candidate as a lesion"
KEY_REFUSE: Final = "Refuse the candidate, or take that back"
KEY_NEXT: Final = "Next candidate"
KEY_PREVIOUS: Final = "Previous candidate"
KEY_LEAVE: Final = "Stop the search; back to the image"
