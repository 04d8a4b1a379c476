"""Mining one file from end to end: rows in, mined on every core, written in a form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesionscope.errors import InputError, LesionscopeError, UsageError
from lesionscope.mining.forms import Form, form_named, writing
from lesionscope.mining.journal import Journal, Say
from lesionscope.mining.lines import Source, open_source
from lesionscope.mining.pool import Failed, ordered, worker_count
from lesionscope.mining.rows import Row, read_rows
from lesionscope.progress import Progress, silent

if TYPE_CHECKING:
    from lesionscope.mining.miner import MinedSentence
    from lesionscope.ontology.label_graph import LabelGraph

Mine = Callable[[str], "MinedSentence"]


def miner(graph: LabelGraph) -> Mine:
    """Return the function that mines a sentence with a vocabulary."""
    from lesionscope.mining.miner import Miner

    return Miner(graph).mine


def mine_file(
    path: str | Path,
    out: Path | None = None,
    *,
    form: str = "jsonl",
    text_column: str | None = None,
    id_column: str | None = None,
    workers: int = 0,
    labels: Path | None = None,
    say: Say = lambda sentence: None,
    progress: Progress = silent,
    make_miner: Callable[[LabelGraph], Mine] = miner,
) -> Journal:
    """Mine the sentences of a file.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines, a JSON list or text, gzipped or not; ``-`` for the standard input.
    out
        Where to write; the standard output without it.
    form
        'jsonl' or 'lesanet'.
    text_column, id_column
        Names of columns, where they aren't the usual ones.
    workers
        Processes; 0 for one a core.
    labels
        A vocabulary of one's own in the form of the bundled one.
    say
        Gets a sentence for each row left out, and the summary.
    progress
        Called with the number of rows mined so far.
    make_miner
        What mines: a function of the module level, for it is also called in other processes.

    Returns
    -------
    Journal
        The counts.

    Raises
    ------
    InputError
        The file can't be read, has no text column, or not one row of it could be mined.
    UsageError
        An option makes no sense.
    LesionscopeError
        The output can't be written, or a process died. ``out`` is as it was before.
    """
    from lesionscope.ontology.label_graph import load_labels

    maker = form_named(form)
    processes = worker_count(workers)
    if out is not None and str(path) != "-" and out.is_file() and Path(path).is_file() and out.samefile(path):
        raise UsageError(f"{out} is the file to read: write to another one.")
    made = maker(load_labels(labels))
    with open_source(path) as source, writing(out) as write:
        journal = Journal(source.name, say)
        rows = _fit(read_rows(source, journal, text_column, id_column), made, journal)
        results = ordered(rows, partial(_build, form, labels, make_miner), processes)
        with closing(results):
            for row, result in results:
                if isinstance(result, Failed):
                    journal.fail(row.line, result.error, result.where)
                else:
                    made.add(row, result, write)
                    journal.mined += 1
                    progress(journal.mined, 0, "Mining")
        progress(journal.rows, journal.rows, "Mining")
        if not journal.mined:
            raise _nothing(journal, source)
        made.finish(write)
    say(journal.summary())
    return journal


def _fit(rows: Iterable[Row], form: Form, journal: Journal) -> Iterator[Row]:
    for row in rows:
        reason = form.refuse(row)
        if reason is None:
            yield row
        else:
            journal.leave_out(row.line, reason)


def _build(form: str, labels: Path | None, make_miner: Callable[[LabelGraph], Mine]) -> Callable[[Row], Any]:
    from lesionscope.ontology.label_graph import load_labels

    graph = load_labels(labels)
    made, mine = form_named(form)(graph), make_miner(graph)

    def work(row: Row) -> Any:
        return made.render(row, mine(row.text))

    return work


def _nothing(journal: Journal, source: Source) -> LesionscopeError:
    if journal.failed and journal.failed == journal.left_out:
        return LesionscopeError(f"{journal.name}: mining failed on every row, which is our fault.")
    if journal.left_out:
        return InputError(f"{journal.name}: none of its {journal.left_out:,} rows could be mined.")
    if source.broken:
        return InputError(f"{journal.name} could not be read: {source.broken}.")
    return InputError(f"{journal.name} holds no rows: give it a sentence at least.")
