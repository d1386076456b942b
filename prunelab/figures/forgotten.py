"""Who paid: the test examples that dense models get right and pruned ones do not, as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from prunelab.figures.gallery import sheet, short, spread_out
from prunelab.figures.look import Picture, Theme, count, percent

MOST = 18  # pictures
Answers = Mapping[str, NDArray[Any]]


class Forgotten(NamedTuple):
    """One test example that most pruned models of a line get wrong and most dense ones right."""

    example: int  # its place in the test part
    label: int
    says: int  # what the pruned models say most often
    seeds: int  # of them that are wrong
    first: float  # the sparsity from which on most are wrong


def forget(line: Mapping[float, Sequence[Answers]], at: float) -> list[Forgotten]:
    """The examples forgotten at a sparsity, those that went first and surest in front.

    ``line`` has the answers of each seed by sparsity (Hooker et al. 2019 call such examples
    pruning-identified).

    Raises:
        ValueError: no run at that sparsity kept its answers.
    """
    if not line.get(at):
        raise ValueError("Which examples were forgotten is known of runs that kept their answers.")
    label = line[at][0]["label"]
    lost = {asked: _lost(runs) for asked, runs in line.items() if runs and asked <= at}
    wrong = np.sum([run["pruned"] != label for run in line[at]], axis=0)
    said = np.stack([run["pruned"] for run in line[at]])
    found = []
    for place in np.flatnonzero(lost[at]):
        answers = said[:, place][said[:, place] != label[place]]
        first = min(asked for asked in lost if all(lost[a][place] for a in lost if a >= asked))
        says = int(np.bincount(answers).argmax())
        found.append(Forgotten(int(place), int(label[place]), says, int(wrong[place]), first))
    return sorted(found, key=lambda one: (one.first, -one.seeds, one.example))


def _lost(runs: Sequence[Answers]) -> NDArray[np.bool_]:
    """Right by most dense models, wrong by most pruned ones."""
    label = runs[0]["label"]
    right = np.mean([run["dense"] == label for run in runs], axis=0)
    after = np.mean([run["pruned"] == label for run in runs], axis=0)
    both: NDArray[np.bool_] = (right > 0.5) & (after < 0.5)
    return both


def forgotten(
    name: str,
    line: Mapping[float, Sequence[Answers]],
    at: float,
    classes: Sequence[str],
    *,
    theme: Theme = "light",
) -> Picture:
    """The images one method's pruned models forget first, with what they say instead.

    Raises:
        ValueError: nothing was forgotten, or the examples are no images.
    """
    found = forget(line, at)
    total, seeds = len(line[at][0]["label"]), len(line[at])
    if not found:
        raise ValueError(f"{name} at {percent(at)} forgets no test example in most of its runs.")
    table = forgotten_table(found, classes)
    seen = {
        int(place): picture
        for run in line[at]
        for place, picture in zip(run["pictured"], run["pictures"], strict=True)
    }
    shown = [one for one in found if one.example in seen][:MOST]
    if not shown:
        raise ValueError(
            f"{name} at {percent(at)} forgets {count(len(found))} of {count(total)} test examples; "
            "they are rows of numbers, so there is no picture of them."
        )
    names = [short(str(c)) for c in classes]
    words = [f"{_of(names, f.label)} · says {_of(names, f.says)}" for f in shown]
    figure = sheet(np.stack([seen[f.example] for f in shown]), words, [True] * len(shown), theme)
    runs = f"most of {seeds} runs" if seeds > 1 else "one run"
    title = (
        f"{name} at {percent(at)}: {count(len(found))} of {count(total)} test images that the "
        f"dense model knew are forgotten by {runs}"
    )
    spread_out(figure, title, len(shown), theme)
    return Picture(title, figure, f"Pictures of {len(shown)} test images. {title}.", table)


def forgotten_table(found: Sequence[Forgotten], classes: Sequence[str]) -> pd.DataFrame:
    """The same as rows."""
    return pd.DataFrame(
        {
            "test example": one.example, "class": _of(classes, one.label),
            "pruned models say": _of(classes, one.says), "seeds wrong": one.seeds,
            "forgotten from sparsity": one.first,
        }
        for one in found
    )  # fmt: skip


def _of(names: Sequence[str], number: int) -> str:
    return str(names[number]) if number < len(names) else str(number)
