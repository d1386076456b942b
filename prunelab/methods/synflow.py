"""SynFlow: keep the paths from input to output, without any data."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor, nn

from prunelab.masks import Scores
from prunelab.probes import positive, weights
from prunelab.registry import Range, method
from prunelab.stepwise import stepwise


@method(
    unit="weights",
    when="init",
    recover="rewind",
    paper="Tanaka et al. 2020, arXiv:2006.05467, algorithm 1",
    label="|w| · ∂R/∂|w|",
    subjects=("lenet-300-100",),
    needs={"network"},
)
def synflow(
    net: nn.Module,
    data: Any,
    *,
    sparsity: float,
    score_rounds: Annotated[int, Range(1, 300), "times the weights are scored anew"] = 100,
) -> Scores:
    """Keep the weights that carry most synaptic flow, before training and without data.

    R is the sum of the outputs for an input of ones when every weight is replaced by its absolute
    value; s = |w| · ∂R/∂|w|. The scores of each layer of a chain sum to R. Scored anew in rounds
    that each keep the same share, no layer loses everything before one weight a layer is left.
    Deviations: float64; biases are zero and batch normalisation is its scale |γ|/√(σ²+ε) while
    scoring; smooth activations count as the identity; exact counts.

    Example: |W1| = [[1, 2], [3, 4]], |W2| = [5, 6], x = 1: R = 57, the scores are
    [[5, 10], [18, 24]] and [15, 42].
    """
    flow = positive(net)
    live = weights(flow)
    values = {name: w.detach().clone() for name, w in live.items()}
    example = _ones(net, data)

    def score(_: int, masked: dict[str, Tensor]) -> Scores:
        with torch.no_grad():
            for name, w in live.items():
                w.copy_(masked[name])
        return flows(flow, example)

    return stepwise(values, sparsity, score_rounds, score, nested=True)


def flows(flow: nn.Module, example: Tensor) -> dict[str, Tensor]:
    """|w| · ∂R/∂|w| of every weight of a positive network."""
    found = weights(flow)
    with torch.enable_grad():
        total = flow(example).sum()
        slopes = torch.autograd.grad(total, list(found.values()), materialize_grads=True)
    return {name: w.detach() * g for (name, w), g in zip(found.items(), slopes, strict=True)}


def _ones(net: nn.Module, data: Any) -> Tensor:
    """One input of ones, in the shape of the examples."""
    shape = data.shape if hasattr(data, "train") else tuple(data[0].shape[1:])
    return torch.ones(1, *shape, dtype=torch.float64, device=next(net.parameters()).device)
