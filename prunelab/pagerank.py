"""Weighted PageRank through the layers of a network: LLM-Rank (Hoffmann 2024, arXiv:2410.13299).

One step of it per layer, from the importance of what a layer reads to that of what it puts out; a
network has no cycles, so nothing is iterated. Each layer is read in pieces of rows: nothing of its
size is ever held beside it.
"""

from __future__ import annotations

import torch
from torch import Tensor

PIECE = 1 << 18  # weights that are looked at together


@torch.no_grad()
def weighted(
    weight: Tensor, incoming: Tensor, activity: Tensor, *, gamma: float = 0.9, theta: float = 0.5
) -> Tensor:
    """Importance of the outputs of a layer by weighted PageRank; float64, sums to 1.

    v = γ · [θ · A / colsum(A) + (1 − θ) · 1[W ≠ 0] / colsum(1[W ≠ 0])] p + (1 − γ) · a / sum(a),
    A = |W|; a column of zeros passes nothing on.

    Args:
        weight: (outputs, inputs).
        incoming: p, importance of the inputs; scaled here to sum to 1.
        activity: a, how much each output is active.
        gamma: share that comes through the layer; 0 is the activity alone.
        theta: share of that which goes by size of weight; the rest goes evenly.
    """
    p = _shares(incoming)
    sums, links = _columns(weight)
    by_size, evenly = _divided(p, sums) * theta, _divided(p, links) * (1 - theta)
    whole = bool((links == len(weight)).all())  # then every output gets the same part evenly
    through = torch.cat(
        [_flow(some, by_size, None if whole else evenly) for some in _pieces(weight)]
    )
    through += evenly.sum() if whole else 0
    return _shares(gamma * through + (1 - gamma) * _shares(activity))


@torch.no_grad()
def modified(weight: Tensor, incoming: Tensor, activity: Tensor) -> Tensor:
    """Importance by the modified rank: (|W| p) times the activity, scaled to sum to 1; float64."""
    p = _shares(incoming)
    through = torch.cat([_flow(some, p, None) for some in _pieces(weight)])
    return _shares(through * activity.double())


def _columns(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Of each column the sum of sizes, and how many weights are not zero."""
    sums = torch.zeros(weight.shape[1], dtype=torch.float64, device=weight.device)
    links = torch.zeros_like(sums)
    for some in _pieces(weight):
        size = _size(some)
        sums += size.sum(0)
        links += len(some) if bool(size.min() > 0) else size.count_nonzero(0)
    return sums, links


def _flow(some: Tensor, by_size: Tensor, evenly: Tensor | None) -> Tensor:
    """What flows to some outputs: by size of weight, and evenly over those that are not zero."""
    size = _size(some)
    found = torch.mv(size, by_size.to(size.dtype)).double()
    if evenly is not None:
        found += torch.mv(size.sign_(), evenly.to(size.dtype))
    return found


def _size(some: Tensor) -> Tensor:
    """|w| in at least 32 bits; a piece is summed in them, pieces in 64."""
    return some.abs() if some.dtype == torch.float64 else some.float().abs()


def _pieces(weight: Tensor) -> tuple[Tensor, ...]:
    return torch.split(weight, max(1, PIECE // max(1, weight.shape[1])))


def _divided(p: Tensor, by: Tensor) -> Tensor:
    return torch.where(by > 0, p / by, 0.0)


def _shares(values: Tensor) -> Tensor:
    """Scaled to sum to 1; where all are zero, even."""
    values = values.double()
    total = values.sum()
    return values / total if total > 0 else torch.full_like(values, 1 / max(1, values.numel()))
