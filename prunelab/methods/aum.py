"""Area under the margin: how clearly an example is told apart, all through training."""

from __future__ import annotations

from typing import Annotated, Any

from prunelab.masks import Scores
from prunelab.rating.difficulty import Side, keep_side
from prunelab.rating.margins import Scale, margins
from prunelab.rating.watching import Watched
from prunelab.registry import Range, method


@method(
    unit="examples",
    paper="Pleiss et al. 2020, arXiv:2001.10528",
    label="− area under margin",
    watch="runs",
    recover="equal-steps",
    baseline="random-examples",
    subjects=("mlp",),
    needs={"network"},
)
def aum(  # noqa: PLR0913 - each is a knob
    net: Any,
    data: Any,
    *,
    watched: list[Watched],
    seed: int,
    keep: Annotated[Side, "which examples stay"] = "hardest",
    skip: Annotated[float, Range(0, 0.5, 0.05), "share of the hardest to leave out"] = 0.0,
    of: Annotated[Scale, "margins of logits (the paper) or of probabilities"] = "logits",
    runs: Annotated[int, Range(1, 10), "trainings to average over"] = 3,
    share: Annotated[float, Range(0.05, 1, 0.05), "share of a training to watch"] = 1.0,
) -> Scores:
    """Keep the examples with the smallest margin, averaged over training.

    The margin is z_y − max z_k over the other classes, on the logits of each presentation before
    the step that learns from it. Low means hard or wrongly labelled: keep="easiest", or a share
    skipped, is what finds and removes wrong labels.
    """
    return keep_side(-margins(watched, data.train.y, of), keep, skip, data, seed)
