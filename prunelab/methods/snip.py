"""SNIP: connection sensitivity on one batch before training."""

from __future__ import annotations

from typing import Annotated, Any

from torch import nn

from prunelab.masks import Scores
from prunelab.probes import batch, gradients, weights
from prunelab.registry import Range, method
from prunelab.training import seeded


@method(
    unit="weights",
    when="init",
    recover="rewind",
    paper="Lee et al. 2019, arXiv:1810.02340, equations 3-7",
    label="|w · ∂L/∂w|",
    subjects=("lenet-300-100", "resnet-narrow"),
    needs={"network"},
)
def snip(
    net: nn.Module,
    data: Any,
    *,
    seed: int,
    batch_size: Annotated[int, Range(2, 10000), "examples to score on, or all there are"] = 128,
) -> Scores:
    """Keep the weights whose removal would change the loss most, before training.

    s = |∂L(c⊙w)/∂c| at c = 1, which is |w · ∂L/∂w|, on one batch. Not to be confused with
    ``snip-identity``, which has the same nickname and removes residual modules.
    Deviations: the network that is scored is the one that trains (the official code draws another);
    only weights are pruned, not biases; batch normalisation sees the batch and is then put back.

    Example: y = Σ c·w·x with w = (1, −2, 3), x = (1, 1, 2), L = ½(y − 1)² has
    c-gradients (4, −8, 24): the first weight goes first.
    """
    examples = batch(data, batch_size, seeded(seed, "examples", 1))
    found = gradients(net, examples)
    return {name: (w.detach() * found[name]).abs() for name, w in weights(net).items()}
