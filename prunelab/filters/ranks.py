"""Ranks of many small matrices at once: the numerical rank and the effective rank."""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK = 128  # matrices that fit a processor's cache together


def numerical_rank(maps: Tensor) -> Tensor:
    """What ``torch.linalg.matrix_rank`` says of each (..., h, w), sooner.

    A Cholesky factor in float64 certifies the smallest singular value: without their zero rows and
    columns most maps have full rank. Those in doubt get their singular values, in their own dtype.
    """
    flat = maps.reshape(-1, *maps.shape[-2:])
    found = [_ranks(some) for some in torch.split(flat, CHUNK)]
    return torch.cat(found).reshape(maps.shape[:-2]) if found else flat.new_zeros(0).long()


def effective_rank(maps: Tensor) -> Tensor:
    """exp(−Σ p ln p) with p the singular values over their sum; 0 for a map of zeros.

    >>> round(float(effective_rank(torch.diag(torch.tensor([2.0, 1.0])))), 6)
    1.889882
    """
    sigma = torch.linalg.svdvals(maps.double())
    total = sigma.sum(-1, keepdim=True)
    p = sigma / total.clamp_min(torch.finfo(torch.float64).tiny)
    entropy = -torch.special.xlogy(p, p).sum(-1)
    return torch.where(total.squeeze(-1) > 0, entropy.exp(), 0.0)


def _ranks(maps: Tensor) -> Tensor:
    there = maps != 0
    rows, columns = there.any(-1), there.any(-2)
    rank = torch.minimum(rows.sum(-1), columns.sum(-1))
    wide = rows.sum(-1) <= columns.sum(-1)
    sure = torch.zeros_like(wide)
    for way, live, x in ((wide, rows, maps), (~wide, columns, maps.mT)):
        sure[way] = _independent(x[way], live[way])
    rank[~sure] = torch.linalg.matrix_rank(maps[~sure])
    return rank


def _independent(x: Tensor, live: Tensor) -> Tensor:
    """Whether the live rows are so far from dependent that no rounding could tell otherwise.

    The tolerance of ``matrix_rank`` is eps · max(h, w) · σ₁; four times that, with σ₁ at most the
    Frobenius norm, leaves room for the rounding of singular values.
    """
    x = x.double()
    gram = x @ x.mT
    square = gram.diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True)
    margin = (4 * torch.finfo(torch.float32).eps * max(x.shape[-2:])) ** 2
    shift = torch.where(live, -margin * square, square.clamp_min(1.0))
    gram.diagonal(dim1=-2, dim2=-1).add_(shift)
    sure: Tensor = torch.linalg.cholesky_ex(gram).info == 0
    return sure
