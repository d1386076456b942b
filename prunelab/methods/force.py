"""FORCE: progressive skeletonization, pruned weights may come back while the mask is sought."""

from __future__ import annotations

from typing import Annotated, Any

from torch import Tensor, nn

from prunelab.masks import Scores
from prunelab.probes import batch, gradients, weights
from prunelab.registry import Range, method
from prunelab.stepwise import stepwise
from prunelab.training import seeded


@method(
    unit="weights",
    when="init",
    recover="rewind",
    paper="de Jorge et al. 2021, arXiv:2006.09081 (foresight connection sensitivity)",
    label="|w · ∂L/∂w̃|",
    subjects=("lenet-300-100",),
    needs={"network"},
)
def force(
    net: nn.Module,
    data: Any,
    *,
    seed: int,
    sparsity: float,
    score_rounds: Annotated[int, Range(1, 300), "times the weights are scored anew"] = 30,
    batch_size: Annotated[int, Range(2, 10000), "examples of each round"] = 128,
) -> Scores:
    """Score by the sensitivity the weights will have after pruning, in many small steps.

    Round t keeps exp(t/T·log k + (1 − t/T)·log m) of m weights by |w · ∂L/∂w̃|: w is the dense
    weight, the gradient that of the masked network, so a pruned weight may return in a later round.
    One round is SNIP.
    Deviations: exact counts with ties by index; a new batch each round (the official code takes
    the first batch of a new iterator).
    """
    values = {name: w.detach() for name, w in weights(net).items()}

    def score(number: int, masked: dict[str, Tensor]) -> Scores:
        found = gradients(net, batch(data, batch_size, seeded(seed, "examples", number)), masked)
        return {n: (w * found[n]).abs() for n, w in values.items()}

    return stepwise(values, sparsity, score_rounds, score, nested=False)
