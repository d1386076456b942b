"""Text as a data set: letters as tokens, windows that do not overlap, the next letter as target."""

from __future__ import annotations

from collections import Counter

import numpy as np

from prunelab.parts import Table
from prunelab.spec import SpecError

MOST = 96  # different letters; rarer ones become one placeholder
OTHER = "□"
LEAST = 20  # windows: below, the validation and test parts say nothing


def table(text: str, window: int, characters: int = 0) -> Table:
    """Windows of a text, in reading order, each letter with the one after it as its target.

    ``characters`` takes so many from the beginning, 0 all.

    >>> table("ab" * 50, window=4).y[0].tolist()
    [1, 0, 1, 0]

    Raises:
        SpecError: an empty text, or one too short for windows of this length.
    """
    text = text.replace("\r\n", "\n")
    text = text[:characters] if characters else text
    if not text.strip():
        raise SpecError("The text is empty: it needs letters to learn from.")
    count = (len(text) - 1) // window
    if count < LEAST:
        raise SpecError(
            f"The text has {len(text):,} letters, which is {count} windows of {window}; it needs "
            f"at least {LEAST} windows. Give a longer text or a shorter window."
        )
    letters = _letters(text)
    if len(letters) < 2:
        raise SpecError(f"The text is {letters[0]!r} throughout: there is nothing to predict.")
    number = {letter: i for i, letter in enumerate(letters)}
    other = number.get(OTHER, 0)
    ids = np.array([number.get(letter, other) for letter in text[: count * window + 1]])
    shape = (count, window)
    return Table(x=ids[:-1].reshape(shape), y=ids[1:].reshape(shape), classes=letters)


def _letters(text: str) -> tuple[str, ...]:
    """The different letters, sorted; of too many the commonest, and the placeholder."""
    counts = Counter(text)
    if len(counts) <= MOST:
        return tuple(sorted(counts))
    common = [letter for letter, _ in counts.most_common(MOST - 1) if letter != OTHER]
    return (*sorted(common), OTHER)
