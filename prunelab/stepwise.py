"""Scoring in many small steps: score, keep a little less, score what is left again."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from prunelab.masks import Masks, Scores, highest, removed


def stepwise(
    values: Mapping[str, Tensor],
    sparsity: float,
    rounds: int,
    score: Callable[[int, dict[str, Tensor]], Scores],
    *,
    nested: bool,
) -> Scores:
    """The scores of the last of so many rounds.

    Args:
        values: the dense weights by layer.
        sparsity: after the last round.
        rounds: each keeps the same share of what the one before it kept.
        score: from the number of the round, from 1, and the masked weights.
        nested: what is out stays out; otherwise every round chooses among all weights.
    """
    units = sum(w.numel() for w in values.values())
    masked, mask, scores = dict(values), Masks(), dict(values)
    for number, keep in enumerate(exponential(units, units - removed(sparsity, units), rounds), 1):
        scores = dict(score(number, masked))
        if nested and mask:  # a live weight may score zero too, and must stay above what is gone
            scores = {n: s.masked_fill(~mask[n], -1.0) for n, s in scores.items()}
        mask = highest(scores, keep, mask if nested and mask else None)
        masked = {n: w * mask[n] for n, w in values.items()}
    return scores


def exponential(units: int, keep: int, rounds: int) -> tuple[int, ...]:
    """How many units are left after each round when each removes the same share of what is left.

    >>> exponential(266200, 5324, 5)
    (121735, 55670, 25458, 11642, 5324)
    """
    if not keep:
        return (*(units,) * (rounds - 1), keep)
    return tuple(
        round(units ** (1 - t / rounds) * keep ** (t / rounds)) for t in range(1, rounds + 1)
    )
