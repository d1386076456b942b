"""The lottery ticket: prune in rounds by magnitude, set what is left back to early values."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor, nn

from prunelab.masks import Scores
from prunelab.probes import weights
from prunelab.registry import Range, method


@method(
    unit="weights",
    schedule="lottery",
    recover="rewind",
    paper="Frankle & Carbin 2019, arXiv:1803.03635; late rewinding arXiv:1912.05671",
    label="ln of rounds survived",
    subjects=("lenet-300-100",),
    needs={"network"},
)
def lottery_ticket(
    net: nn.Module,
    data: object,
    *,
    output: Annotated[
        float, Range(0, 1, 0.1), "how fast the output layer is pruned, beside the others"
    ] = 0.5,
) -> Scores:
    """Train, prune the smallest weights of each layer, rewind to early values, again and again.

    Each round removes the same share p of what is left of every layer, and half that share of the
    output layer, then sets the rest back to its values after epoch k of dense training
    (``rewind_epoch``; 0 for the first values) and trains again.
    The score is t = ln q / ln(1 − p) for a weight at the quantile q of its layer's |w| (1 the
    smallest): the round it would survive to. One ranking of t over all layers keeps a share
    (1 − p)^t of each layer and (1 − p/2)^t of the output, for any count that is asked.
    Controls are recoveries: reinit (new first values), shuffle (other weights, same counts),
    finetune and lr-rewind (no rewinding); a rate of at least the sparsity is one shot.
    Deviations: exact counts (two official codes prune one weight too many a round); for
    convolutional networks the papers prune all convolutions by one ranking (iterative-magnitude).
    """
    layers = weights(net)
    last = list(layers)[-1]
    p = 0.2  # any p gives nearly the same order: only the ratio of the two logarithms counts
    slow = math.log(1 - output * p) / math.log(1 - p) if len(layers) > 1 else 1.0
    return {n: _survival(w, slow if n == last else 1.0) for n, w in layers.items()}


def _survival(w: Tensor, rate: float) -> Tensor:
    """−ln q / rate: the rounds a weight survives, in units of −ln(1 − p)."""
    order = w.detach().abs().flatten().sort(descending=True, stable=True).indices
    quantiles = (torch.arange(len(order), dtype=torch.float64, device=w.device) + 0.5) / len(order)
    rounds = torch.empty_like(quantiles)
    rounds[order] = -quantiles.log() / max(rate, 1e-9)
    return rounds.reshape(w.shape)
