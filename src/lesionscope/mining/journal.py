"""What is said of a file's rows while they are mined: counts, and a sentence for each that is left out.

Reports are patient data: a sentence names lines and reasons, never what a row holds.
"""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[str], None]
"""Takes one sentence for the person who waits."""


class Journal:
    """Counts rows, and says which were left out and why.

    Parameters
    ----------
    name
        What to call the file.
    say
        Gets each sentence.
    """

    def __init__(self, name: str, say: Say) -> None:
        self.name = name
        self.mined = 0
        self.left_out = 0
        self.blank = 0
        self.failed = 0
        """Rows among those left out that were our fault, not the file's."""
        self._say = say
        self._odd: dict[str, int] = {}

    def note(self, sentence: str) -> None:
        """Say something of the whole file."""
        self._say(f"{self.name}: {sentence}.")

    def leave_out(self, line: int, reason: str) -> None:
        """Say that the row that starts on ``line`` is left out."""
        self.left_out += 1
        self._say(f"{self.name}, line {line}: {reason}; left out.")

    def fail(self, line: int, error: str, where: str) -> None:
        """Say that mining a row failed, by an error's type and place."""
        self.failed += 1
        self.leave_out(line, f"an error of ours ({error} at {where}), please report it")

    def odd_encoding(self, line: int, taken_for: str) -> None:
        """Say the first time, and count from then on, that a line wasn't UTF-8."""
        self._odd[taken_for] = self._odd.get(taken_for, 0) + 1
        if self._odd[taken_for] == 1:
            self._say(f"{self.name}, line {line}: not UTF-8, read as {taken_for}.")

    @property
    def rows(self) -> int:
        """Rows seen: mined and left out."""
        return self.mined + self.left_out

    def summary(self) -> str:
        """Return the sentence for the end."""
        parts = [f"{self.name}: {_count(self.mined, 'row')} mined"]
        if self.left_out:
            parts.append(f"{self.left_out} left out")
        if self.blank:
            parts.append(f"{_count(self.blank, 'blank line')} passed over")
        parts += [
            f"{_count(count, 'line')} not UTF-8 and read as {taken_for}"
            for taken_for, count in self._odd.items()
        ]
        return ", ".join(parts) + "."


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
