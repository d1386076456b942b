"""Wanda: weights by size times the norm of what they read, compared within their row."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor, nn

from prunelab.filters.maps import inputs
from prunelab.filters.norms import norms
from prunelab.masks import Scores
from prunelab.probes import weights
from prunelab.registry import Range, method


@method(
    unit="weights",
    scope="uniform",
    paper="Sun et al. 2023, arXiv:2306.11695, equation 1",
    label="place of |w| · ‖x‖ in its row",
    subjects=("lenet-300-100",),
    needs={"network"},
)
def wanda(
    net: nn.Module,
    data: Any,
    *,
    seed: int,
    rows: Annotated[bool, "compare within the row of each output; else within the layer"] = True,
    examples: Annotated[int, Range(1, 10_000), "training examples to run"] = 128,
) -> Scores:
    """Keep the weights whose size times the strength of their input is large, output by output.

    s = |w| · ‖x‖₂, the norm over all tokens of training examples. Each output keeps the same share
    of its inputs, so a score is a weight's place in its row. Every layer is scored on the dense
    network. Of a convolution x is its input channel.
    Deviation: the published code scores a block of layers after those before it were pruned.

    Example: w = (1, −3), ‖x‖ = (5, 1): 5 and 3, so the smaller weight stays.
    """
    found = weights(net)
    seen = norms(net, inputs(net, data, examples, seed), found)
    scores = {name: importance(w, seen.incoming(name)) for name, w in found.items()}
    return {name: places(score) for name, score in scores.items()} if rows else scores


def importance(weight: Tensor, norm: Tensor) -> Tensor:
    """|w| · ‖x‖ of each weight; float64."""
    shape = (1, -1) + (1,) * (weight.ndim - 2)
    return weight.detach().abs().double() * norm.to(weight.device).reshape(shape)


def places(scores: Tensor) -> Tensor:
    """The place of each score in its row, (n − 1)/n the highest; on ties the lower index higher."""
    rows = scores.flatten(1)
    order = _falling(rows)
    count = rows.shape[1]
    falling = torch.arange(count - 1, -1, -1, dtype=torch.float64, device=rows.device) / count
    found = torch.empty_like(rows, dtype=torch.float64)
    found.scatter_(1, order, falling.expand_as(found))
    return found.reshape(scores.shape)


def _falling(rows: Tensor) -> Tensor:
    """The order of each row from high to low, on ties by index."""
    if rows.device.type != "cpu":
        return rows.argsort(dim=1, descending=True, stable=True)
    # Of rows without ties numpy's order that is not stable is the same, in a third of the time.
    order = torch.from_numpy(np.argsort(-rows.numpy(), axis=1))
    found = rows.gather(1, order)
    tied = (found[:, 1:] == found[:, :-1]).any(1)
    order[tied] = rows[tied].argsort(dim=1, descending=True, stable=True)
    return order
