"""The keys of a review."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from lesionscope.viewer.keys import Key
from lesionscope.viewer.review import words

if TYPE_CHECKING:
    from lesionscope.viewer.review.review import Review


def review_keys(review: Review, export: Callable[[], object]) -> tuple[Key, ...]:
    """Everything that a review is worked with; ``export`` asks where to."""

    def key(name: str, title: str, action: Callable[[], object]) -> Key:
        return Key(name, title, words.KEY_GROUP, action)

    return (
        key("A", "Accept the label", partial(review.decide, "accepted")),
        key("R", "Reject the label", partial(review.decide, "rejected")),
        key("U", "Unsure of the label", partial(review.decide, "uncertain")),
        key("Shift+A", "Accept all shown labels that are undecided", review.accept_all),
        key("F", "Find a label and add it", partial(review.look_for, "add")),
        key("T", "Put another label in this one's place", partial(review.look_for, "replace")),
        key("J", "Next label", partial(review.choose_by, 1)),
        key("K", "Previous label", partial(review.choose_by, -1)),
        key("N", "Next lesion", partial(review.step, 1)),
        key("P", "Previous lesion", partial(review.step, -1)),
        key("Return", "Next lesion that isn't decided", review.step_unfinished),
        key("Ctrl+Z", "Undo your last decision", review.undo),
        key("Ctrl+Y", "Redo", review.redo),
        key("Ctrl+Shift+Z", "Redo", review.redo),
        key("Q", "Queue in the next order", review.next_order),
        key("L", "Only lesions with a certain label", partial(review.look_for, "label")),
        key("G", "Adjudicate two readers, or back", review.toggle_adjudication),
        key("Ctrl+B", "Blinded or not", review.toggle_blinded),
        key("Ctrl+M", "Have the model read all lesions; again: stop", review.predict_all),
        key("Ctrl+R", "Another reader", review.ask_reader),
        key("Ctrl+E", "Write the reviewed labels", export),
        key("Ctrl+Shift+W", "Close the project", review.leave),
    )
