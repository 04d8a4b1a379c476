"""A review at work: what a reader asks becomes a decision on disk, then everyone draws the new state.

It knows nothing of widgets. Images come through an :class:`~lesionscope.viewer.review.album.Album`,
are shown in the room, and predictions are asked of the room's own label model.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from lesionscope.ct.volume import CTVolume
from lesionscope.errors import LesionscopeError
from lesionscope.inference.reading import Reading
from lesionscope.ontology.label_graph import LabelGraph
from lesionscope.session import review as rules
from lesionscope.session.commands import AddReading, Decide
from lesionscope.session.decisions import Decision, Verdict
from lesionscope.session.queue import NEED_PREDICTIONS, Order
from lesionscope.session.state import SessionState
from lesionscope.session.store import Session
from lesionscope.viewer import wording
from lesionscope.viewer.review import moves, words
from lesionscope.viewer.review.album import Album, window_for
from lesionscope.viewer.review.held import HeldReview
from lesionscope.viewer.review.light_box import LightBox
from lesionscope.viewer.review.predicting import Predicting
from lesionscope.viewer.review.state import Purpose, Search, Work

if TYPE_CHECKING:
    from lesionscope.viewer.room import Room


class Review(HeldReview):
    """What a reader does in one window's review.

    Attributes
    ----------
    shown
        Emitted with a lesion and the window to look at it in, after its images were put up.
    """

    shown = Signal(object, object)

    def __init__(self, room: Room, graph: LabelGraph | None = None) -> None:
        super().__init__(room, graph)
        self.album = Album(self.worker, self._have_images, self._no_images)
        self.light_box = LightBox(room, self._show_images, self._images_gone)
        self.predicting = Predicting(
            room,
            on_reading=self._keep_reading,
            on_progress=self._predicted,
            on_failure=self.notify,
            on_missing=lambda: self._set(no_model=True),
        )

    # -- where the reader is -----------------------------------------------------------------

    def name_reader(self, name: str, *, blinded: bool = False) -> None:
        """Take the reader's name, and show the first lesion that isn't finished."""
        project = self._state.project
        if not name.strip():
            self.notify(words.NO_NAME)
            return
        if project is None:
            return
        named = replace(self._state, reader=name.strip(), blinded=blinded, notice="", adjudication=None)
        order: Order = "disagreement" if moves.was_read(project) and not blinded else "import"
        state = moves.queued(named, order, self.graph)
        self._take(state)
        self.show(moves.first_unfinished(state))
        if (other := moves.namesake(project, named.reader)) is not None:
            self.notify(words.NAMESAKE.format(name=named.reader, other=other))

    def ask_reader(self) -> None:
        """Ask for a name again: another reader takes over."""
        self._set(reader="", search=None, adjudication=None, seen=None, rows=(), notice="")

    def show(self, lesion_id: str | None, label: str | None = None) -> None:
        """Bring a lesion into sight; its images follow."""
        project = self._state.project
        if project is None or lesion_id not in project.mined:
            return
        if lesion_id != self._state.lesion_id or not self._state.rows:
            self._since = time.monotonic()
        lesion = project.mined[lesion_id]
        here = replace(self._state, lesion_id=lesion_id, chosen=label, search=None)
        self._refresh(replace(here, images=words.LOADING, notice=""))
        if self.album.want(project.studies[lesion.study], lesion):
            self._ahead()

    def _ahead(self) -> None:
        project, coming = self._state.project, moves.lesion_by(self._state, 1)
        if project is not None and coming is not None:
            lesion = project.mined[coming]
            self.album.ahead(project.studies[lesion.study], lesion)

    def _have_images(self, lesion_id: str, volume: CTVolume) -> None:
        if self._state.images != words.OTHER_IMAGES:
            self.light_box.soon(lesion_id, volume)

    def _show_images(self, lesion_id: str, volume: CTVolume) -> None:
        project = self._state.project
        if project is None or lesion_id != self._state.lesion_id:
            return
        mined = project.mined[lesion_id]
        lesion = replace(mined.lesion, number=self.number(lesion_id))
        self.light_box.put_up(volume, lesion)
        self.shown.emit(lesion, window_for(mined, volume))
        self._set(images="")
        if not (self._state.read_by_model or self._state.read_only or self._state.no_model):
            self.predicting.one(mined, volume)
        self._ahead()

    def _no_images(self, lesion_id: str, sentence: str) -> None:
        if lesion_id == self._state.lesion_id and self._state.images != words.OTHER_IMAGES:
            self.light_box.empty()  # another lesion's images must not stand beside this one's labels
            self._set(images=sentence)
            self._ahead()

    def _images_gone(self) -> None:
        if self._state.lesion_id is not None:
            self._set(images=words.OTHER_IMAGES)

    def number(self, lesion_id: str) -> int:
        """Return a lesion's number: its place in the order of import, from 1."""
        project = self._state.project
        return 0 if project is None else list(project.mined).index(lesion_id) + 1

    def step(self, by: int) -> None:
        """Go to the next (1) or the previous (-1) lesion of the queue, or disagreement to adjudicate."""
        if self._state.adjudication is not None:
            self.choose_open(self._state.adjudication.chosen + by)
            return
        following = moves.lesion_by(self._state, by)
        if following is None:
            self.notify(words.END_OF_QUEUE if by > 0 else words.START_OF_QUEUE)
        else:
            self.show(following)

    def step_unfinished(self) -> None:
        """Go to the next lesion of the queue that isn't decided, or disagreement to adjudicate."""
        list_ = self._state.adjudication
        if list_ is not None:
            if list_.current is None:
                self.notify(words.AGREED)
            else:
                self.choose_open((list_.chosen + (self._state.listed is not None)) % len(list_.open))
            return
        following = moves.unfinished(self._state)
        if following is None:
            self.notify(words.ALL_FINISHED)
        else:
            self.show(following)

    def choose(self, label: str) -> None:
        """Choose the label that a verdict is on."""
        self._refresh(replace(self._state, chosen=label, notice=""))

    def choose_by(self, by: int) -> None:
        """Choose a label further down (1) or up (-1)."""
        label = moves.label_by(self._state, by)
        if label is not None and self._state.adjudication is None:
            self.choose(label)

    # -- deciding -----------------------------------------------------------------------------

    def decide(self, verdict: Verdict) -> None:
        """Give the chosen label a verdict, and what follows from it; the next undecided one is chosen."""
        seen, label = self._state.seen, self._state.chosen
        unlisted = moves.unlisted(self._state)
        if unlisted or seen is None or label is None:
            self.notify(unlisted or words.NO_LABEL_CHOSEN)
            return
        self._keep(rules.decide(seen, self.graph, label, verdict, seconds=self._seconds))

    def accept_all(self) -> None:
        """Accept every shown label that is undecided: one step, logged as bulk.

        What implies a label that the reader rejected or doubted is left out, and named.
        """
        seen = self._state.seen
        if seen is None or self._state.adjudication is not None:
            return
        left_out = ", ".join(f"“{label}”" for label in rules.against(seen, self.graph))
        said = words.LEFT_OUT.format(labels=left_out) if left_out else ""
        made = rules.accept_all(seen, self.graph, seconds=self._seconds)
        if made:
            self._keep(made, said)
        else:
            self.notify(said or words.NOTHING_LEFT)

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._since

    def _keep(self, decisions: tuple[Decision, ...], said: str = "") -> None:
        after = self._do(lambda session: session.apply(Decide(decisions)))
        if after is not None:
            state = moves.adjudicated(moves.sighted(replace(self._state, project=after)))
            self._refresh(replace(state, chosen=moves.next_label(state), search=None, notice=said))
            self._follow_adjudication()

    def undo(self) -> None:
        """Take back the reader's own last decision, and show the lesion that it was on."""
        project = self._state.project
        title, reader = (None, None) if project is None else (project.undo_title, project.undo_reader)
        if refusal := moves.not_own(self._state, title, reader, words.UNDO_REFUSED):
            self.notify(refusal)
        else:
            self._travel(lambda session: session.undo(), wording.UNDONE, title)

    def redo(self) -> None:
        """Repeat the decision of one's own that was undone last."""
        project = self._state.project
        title, reader = (None, None) if project is None else (project.redo_title, project.redo_reader)
        if refusal := moves.not_own(self._state, title, reader, words.REDO_REFUSED):
            self.notify(refusal)
        else:
            self._travel(lambda session: session.redo(), wording.REDONE, title)

    def _travel(self, change: Callable[[Session], SessionState], said: str, title: str | None) -> None:
        before = self._state.project
        after = self._do(change)
        if after is None or before is None:
            return
        changed = moves.changed_by(before, after)
        self._refresh(moves.adjudicated(replace(self._state, project=after), changed))
        if changed is not None and changed.lesion_id != self._state.lesion_id:
            self.show(changed.lesion_id)
        self.notify(said.format(what=title))

    # -- searching ------------------------------------------------------------------------------

    def look_for(self, purpose: Purpose) -> None:
        """Begin to search for a label."""
        if self._state.page in ("lesion", "search"):
            replaces = self._state.chosen if purpose == "replace" else None
            self._take(moves.searching(self._state, Search(purpose, replaces=replaces), self.graph))

    def type(self, typed: str) -> None:
        """Search for other words."""
        search = self._state.search
        if search is not None and typed != search.words:
            self._take(moves.searching(self._state, replace(search, words=typed), self.graph))

    def choose_found(self, place: int) -> None:
        """Choose one of the labels that were found."""
        search = self._state.search
        if search is not None and 0 <= place < len(search.found):
            self._set(search=replace(search, chosen=place))

    def stop_search(self) -> None:
        """Search no longer."""
        self._set(search=None)

    def take_found(self) -> None:
        """Do with the label that is chosen what it was searched for."""
        search, seen = self._state.search, self._state.seen
        label = None if search is None else search.label
        if search is None or label is None:
            return
        if search.purpose == "label":
            self.set_order("label", label)
        elif seen is not None:
            verdict: Verdict = "accepted" if label in seen.shown else "added"
            replaced, seconds = search.replaces, self._seconds
            self._keep(rules.decide(seen, self.graph, label, verdict, replaces=replaced, seconds=seconds))

    # -- how it is worked ------------------------------------------------------------------------

    def set_order(self, order: Order, label: str | None = None) -> None:
        """Queue the lesions in another order, and go to the first that isn't finished."""
        try:
            state = moves.queued(replace(self._state, search=None), order, self.graph, label)
        except LesionscopeError as error:
            self._set(search=None, notice=str(error))
            return
        notice = state.notice
        self._take(state)
        if state.adjudication is not None:
            self.choose_open(state.adjudication.chosen)
        else:
            self.show(moves.first_unfinished(state))
        self.notify(notice)

    def next_order(self) -> None:
        """Queue the lesions in the next order."""
        self.set_order(moves.next_order(self._state.order, blinded=self._state.blinded))

    def toggle_blinded(self) -> None:
        """Hide predictions and other readers until one's own decisions are saved, or show them."""
        blinded = not self._state.blinded
        state = replace(self._state, blinded=blinded, adjudication=None)
        notice = words.BLINDED_ON if blinded else words.BLINDED_OFF
        if blinded and state.order in NEED_PREDICTIONS:
            notice = words.BLIND_ORDER.format(order=words.ORDERS[state.order])
            state = moves.queued(state, "import", self.graph)
        self._refresh(replace(state, notice=notice))

    def toggle_adjudication(self) -> None:
        """Show what two readers disagree on, or the lesions again."""
        if self._state.adjudication is not None:
            self._refresh(replace(self._state, adjudication=None, notice=""))
            return
        try:
            self._refresh(moves.adjudicating(self._state, self.graph))
        except LesionscopeError as error:
            self.notify(str(error))
        self._follow_adjudication()

    def choose_open(self, place: int) -> None:
        """Choose another disagreement to adjudicate."""
        list_ = self._state.adjudication
        if list_ is not None and 0 <= place < len(list_.open):
            self._refresh(replace(self._state, adjudication=replace(list_, chosen=place), notice=""))
            self._follow_adjudication()

    def _follow_adjudication(self) -> None:
        list_ = self._state.adjudication
        current = None if list_ is None else list_.current
        if current is not None and current.lesion_id != self._state.lesion_id:
            self.show(current.lesion_id)

    # -- predictions and export -------------------------------------------------------------------

    def predict_all(self) -> None:
        """Have the model read every lesion that it hasn't read yet; again: stop."""
        project = self._state.project
        if project is None or self._state.read_only:
            return
        if self.predicting.busy:
            self.predicting.stop()
            return
        self.predicting.many(
            (project.studies[one.study], one)
            for one in (project.mined[name] for name in self._state.queue)
            if project.reading(one.id, "labels") is None
        )

    def _predicted(self, done: int, total: int) -> None:
        title = words.PREDICTING.format(done=done, total=total)
        self._set(predicting=Work(title, done, total) if total else None)

    def _keep_reading(self, reading: Reading) -> None:
        after = self._do(lambda session: session.apply(AddReading(reading)))
        if after is not None:
            here = self._state
            # A reader who hasn't moved yet begins with what the model now disagrees on.
            unmoved = bool(here.rows) and here.chosen == here.rows[0].label and here.rows[0].own is None
            anew = unmoved and here.search is None and here.adjudication is None
            self._refresh(replace(here, project=after, chosen=None if anew else here.chosen))

    def export(self, path: str | Path) -> None:
        """Write the reviewed labels in the background, as training reads them.

        Who writes them while adjudicating is the adjudicator: what he decided counts alone.
        """
        from lesionscope.session.exporting import Exported, export

        project, graph = self._state.project, self.graph
        if project is None:
            return
        adjudicator = self._state.reader if self._state.adjudication is not None else None
        sentence = words.EXPORTED if adjudicator is None else words.EXPORTED_ADJUDICATED

        def ended(made: Exported) -> None:
            self.notify(
                sentence.format(
                    lesions=made.lesions, changed=made.changed, name=made.labels.name, reader=adjudicator
                )
            )

        self.worker.submit(
            lambda cancel, progress: export(project, path, graph, adjudicator=adjudicator),
            done=ended,
            failed=self.notify,
        )

    # -- end ----------------------------------------------------------------------------------------

    def leave(self) -> None:
        """Close the project; its lesion's images go with it, another study's stay."""
        super().leave()
        if self.light_box.own:
            self.light_box.empty()

    def close(self) -> None:
        """End everything, and follow the room no longer."""
        super().close()
        self.light_box.close()

    def _let_go(self) -> None:
        self.light_box.stop()
        self.predicting.stop()
        self.album.clear()
