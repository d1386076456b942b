"""Iterative SNIP: connection sensitivity again and again while the network gets sparser."""

from __future__ import annotations

from typing import Annotated, Any

from torch import nn

from prunelab.masks import Masks, Scores, exponential, highest, removed
from prunelab.probes import batch, gradients, weights
from prunelab.registry import Range, method
from prunelab.training import seeded


@method(
    unit="weights",
    when="init",
    recover="rewind",
    paper="de Jorge et al. 2021, arXiv:2006.09081; Verdenius et al. 2020, arXiv:2006.00896",
    label="|w · ∂L/∂w|",
    subjects=("lenet-300-100",),
    needs={"network"},
)
def iterative_snip(
    net: nn.Module,
    data: Any,
    *,
    seed: int,
    sparsity: float,
    score_rounds: Annotated[int, Range(1, 300), "times the weights are scored anew"] = 30,
    batch_size: Annotated[int, Range(2, 10000), "examples of each round"] = 128,
) -> Scores:
    """Score by connection sensitivity in many small steps; what is pruned stays pruned.

    Round t of T keeps exp(t/T·log k + (1 − t/T)·log m) of m weights by |w̃ · ∂L/∂w̃| at the masked
    network, with a new batch. One round is SNIP.
    Deviations: exact counts with ties by index; weights only.
    """
    values = {name: w.detach() for name, w in weights(net).items()}
    units = sum(w.numel() for w in values.values())
    mask: Masks = {}
    scores: Scores = {}
    for number, keep in enumerate(
        exponential(units, units - removed(sparsity, units), score_rounds), 1
    ):
        masked = {n: w * mask[n] for n, w in values.items()} if mask else values
        found = gradients(net, batch(data, batch_size, seeded(seed, "examples", number)), masked)
        scores = {n: (w * found[n]).abs() for n, w in masked.items()}
        if mask:  # a live weight may score zero too, and must stay above what is gone
            scores = {n: s.masked_fill(~mask[n], -1.0) for n, s in scores.items()}
        mask = highest(scores, keep, mask or None)
    return scores
