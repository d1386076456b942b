"""Beside plain training after pruning: normalisation anew, and learning from the dense net."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax, softmax

from prunelab.course import Loss
from prunelab.filters.maps import evaluating
from prunelab.parts import Parts
from prunelab.probes import NORMS
from prunelab.registry import Range
from prunelab.training import tensors

BATCH = 128


@torch.no_grad()
def recalibrate(net: nn.Module, parts: Parts) -> None:
    """Take the statistics of batch normalisation anew, from the training part; no weight changes.

    Each is the plain mean over batches of what arrives now, with everything before it pruned.
    """
    norms = [m for m in net.modules() if isinstance(m, NORMS) and m.track_running_stats]
    held = [norm.momentum for norm in norms]
    x, _ = tensors(parts.train, next(net.parameters()).device)
    with evaluating(net):
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a cumulative mean
            norm.train()
        for some in torch.split(x, BATCH):
            net(some)
    for norm, momentum in zip(norms, held, strict=True):
        norm.momentum = momentum


def distillation(
    dense: nn.Module,
    *,
    temperature: Annotated[
        float, Range(0.5, 20, 0.5), "distill: how soft the answers of the dense network are"
    ] = 4.0,
    teaching: Annotated[
        float, Range(0, 1, 0.05), "distill: share of the loss that is the dense network's"
    ] = 0.5,
) -> Loss:
    """A loss that also compares with the answers of the dense network (Hinton et al. 2015).

    (1 − α) · cross-entropy + α · T² · KL(softmax(dense / T) ‖ softmax(small / T)).
    """

    def loss(logits: Tensor, examples: tuple[Tensor, Tensor]) -> Tensor:
        x, y = examples
        with torch.no_grad(), evaluating(dense):
            wanted = softmax(dense(x) / temperature, 1)
        soft = kl_div(log_softmax(logits / temperature, 1), wanted, reduction="sum") / y.numel()
        return (1 - teaching) * cross_entropy(logits, y) + teaching * temperature**2 * soft

    return loss
