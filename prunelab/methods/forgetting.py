"""Forgetting events: how often an example that was right becomes wrong again."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np

from prunelab.masks import Scores
from prunelab.rating.difficulty import Side, keep_side
from prunelab.rating.watching import Watched, epochs_learned
from prunelab.registry import Range, method


@method(
    unit="examples",
    paper="Toneva et al. 2019, arXiv:1812.05159",
    label="times forgotten",
    watch="runs",
    recover="equal-steps",
    baseline="random-examples",
    subjects=("mlp",),
    needs={"network"},
)
def forgetting(  # noqa: PLR0913 - each is a knob
    net: Any,
    data: Any,
    *,
    watched: list[Watched],
    seed: int,
    keep: Annotated[Side, "which examples stay"] = "hardest",
    never: Annotated[
        Literal["most", "none"], "an example never right counts as forgotten most, or not at all"
    ] = "most",
    skip: Annotated[float, Range(0, 0.5, 0.05), "share of the hardest to leave out"] = 0.0,
    runs: Annotated[int, Range(1, 10), "trainings to add up"] = 3,
    share: Annotated[float, Range(0.05, 1, 0.05), "share of a training to watch"] = 1.0,
) -> Scores:
    """Keep the examples that are learned and forgotten most often.

    An event: right when it was presented in one epoch, wrong when presented in the next. The score
    adds the events of some trainings; an example never right in a training counts as many events as
    there are epochs (the authors' own script), or none (never="none", as some later codes do: then
    wrong labels look easy, and curves of different papers cannot be compared). Ties, of which there
    are many, are broken at random.
    """
    events = np.zeros(len(data.train.y))
    for right in epochs_learned(watched, data.train.y):
        forgotten = (right[:-1] & ~right[1:]).sum(0).astype(float)
        unlearned = ~right.any(0)
        forgotten[unlearned] = len(right) if never == "most" else 0
        events += forgotten
    return keep_side(events, keep, skip, data, seed)
