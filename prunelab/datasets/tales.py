"""Little tales from a grammar of the project's own: a text to learn from without a download."""

from __future__ import annotations

from random import Random
from typing import Annotated

from prunelab.parts import Table
from prunelab.registry import Range, dataset
from prunelab.texts import table

WHO = ("fox", "girl", "king", "miller", "hare", "old woman", "crow", "boy")
HOW = ("clever", "small", "tired", "hungry", "brave", "quiet")
WHERE = ("the forest", "the river", "the mill", "the garden", "the hill", "the market")
THING = ("apple", "lamp", "key", "loaf of bread", "red coat", "silver coin")
WENT = ("walked", "ran", "went", "hurried")
DAY = ("one morning", "in the evening", "on a cold day", "when it rained", "at noon")
NUMBER = ("two", "three", "four", "seven")


@dataset(
    traits={"text"},
    needs={"language model"},
    title="Tales",
    licence="public domain (computed)",
    source="a grammar of this project",
    epochs=8,
)
def tales(
    *,
    window: Annotated[int, Range(8, 512, 8), "letters a model sees at once"] = 64,
    characters: Annotated[int, Range(5_000, 1_000_000, 1_000), "letters of text"] = 100_000,
) -> Table:
    """Tales of a fox, a miller and others, made by a small grammar; the next letter is predicted.

    Who, where and what are drawn at random but come back later in the same tale, so that a model
    that looks back predicts better than one that does not.
    """
    return table(written(characters), window)


def written(characters: int) -> str:
    """So many letters of tales, the same every time.

    >>> written(60)
    'on a cold day the crow ran to the hill. there the crow found'
    """
    random, pieces, letters = Random(0), [], 0
    while letters < characters:
        pieces.append(_tale(random))
        letters += len(pieces[-1])
    return "".join(pieces)[:characters]


def _tale(random: Random) -> str:
    def one(words: tuple[str, ...]) -> str:
        return words[int(random.random() * len(words))]  # the same in every version of Python

    who, where, thing = one(WHO), one(WHERE), one(THING)
    other = one(tuple(w for w in WHO if w != who))
    lines = [
        f"{one(DAY)} the {who} {one(WENT)} to {where}.",
        f"there the {who} found a {thing}.",
        f"the {other} was {one(HOW)} and wanted the {thing}.",
        f'"give me the {thing}," said the {other}.',
    ]
    if random.random() < 0.5:
        lines += [f"the {who} gave the {thing} to the {other}, and both were {one(HOW)}."]
    else:
        lines += [f"the {who} kept the {thing} and {one(WENT)} home from {where}."]
    if random.random() < 0.4:
        lines += [f"{one(NUMBER)} days later the {other} came back to {where}."]
    return " ".join(lines) + "\n"
