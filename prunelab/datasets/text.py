"""One's own text, from a plain file."""

from __future__ import annotations

from typing import Annotated

from prunelab.files import find
from prunelab.parts import Table
from prunelab.registry import Range, dataset
from prunelab.spec import SpecError
from prunelab.texts import table


@dataset(
    traits={"text"},
    needs={"language model"},
    title="My text",
    licence="your own",
    source="a .txt file in UTF-8",
    epochs=4,
)
def text(
    *,
    file: Annotated[str, "path of a .txt file"] = "",
    window: Annotated[int, Range(8, 512, 8), "letters a model sees at once"] = 64,
    characters: Annotated[
        int, Range(0, 100_000_000, 1_000), "letters to use from the beginning, 0 is all"
    ] = 0,
) -> Table:
    """A text of your own, letter by letter; the next letter is predicted.

    The first 80 % are learned from, the next 10 % choose, the last 10 % are the test.
    """
    path = find(file, ".txt")
    try:
        whole = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(f"{path.name} must be a text in UTF-8: {error.reason}.") from error
    return table(whole, window, characters)
