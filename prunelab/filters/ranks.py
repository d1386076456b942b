"""Ranks of many small matrices at once: the numerical rank and the effective rank."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

CHUNK = 2**17  # numbers that are worked on at once: they fit a processor's cache
EPS = torch.finfo(torch.float32).eps
TINY = 1e-60  # of squares: below it the tolerance is no normal number in float32


class Band(NamedTuple):
    """What rounding leaves open: the tolerance squared over σ₁², and of Σσ² the errors here.

    The official tolerance is size · eps · σ₁. A singular value in float32 is off by some eps · σ₁,
    which grows slowly with the size: up to 3 were measured for maps, 8 for noise of 128 × 128. The
    product of a map with itself and its factors are off by some n · eps of float64.
    """

    low: float
    high: float
    rounding: float


def numerical_rank(maps: Tensor) -> Tensor:
    """What ``torch.linalg.matrix_rank`` says of each (..., h, w), sooner.

    In float64, the inertia of AAᵀ − τ² counts the singular values of A above τ. Where it is the
    same at both ends of what rounding in float32 can make of the official tolerance, that is the
    rank. Those in doubt get their singular values, in their own dtype.
    """
    flat = maps.reshape(-1, *maps.shape[-2:])
    if flat.dtype != torch.float32 or not flat.numel():
        official: Tensor = torch.linalg.matrix_rank(maps)
        return official
    parts = torch.split(flat, max(1, CHUNK // flat[0].numel()))
    return torch.cat([_ranks(some) for some in parts]).reshape(maps.shape[:-2])


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
    x = _wide(maps).double()
    gram = x @ x.mT
    band = _band(max(x.shape[-2:]), len(gram[0]))
    live = gram.diagonal(dim1=-2, dim2=-1) > 0
    rank = live.sum(-1)
    rest = (~_independent(gram, live, band)).nonzero().flatten()
    if len(rest):
        rank[rest], sure = _inertia(gram[rest], band)
        doubt = rest[~sure]
        rank[doubt] = torch.linalg.matrix_rank(maps[doubt])
    return rank


def _wide(maps: Tensor) -> Tensor:
    """The maps or their transposes, with at most as many rows, or of as many fewer not zero."""
    if maps.shape[-2] != maps.shape[-1]:
        return maps if maps.shape[-2] < maps.shape[-1] else maps.mT
    there = maps != 0
    tall = there.any(-1).sum(-1) > there.any(-2).sum(-1)
    return torch.where(tall[:, None, None], maps.mT, maps)


def _band(size: int, small: int) -> Band:
    off = 4 + size / 8
    low, high = (max(0.0, size + way * off) * EPS for way in (-1, 1))
    return Band(low**2, high**2, 16 * small * torch.finfo(torch.float64).eps)


def _independent(gram: Tensor, live: Tensor, band: Band) -> Tensor:
    """Whether a Cholesky factor proves all live rows to be independent, with σ₁² at most Σσ²."""
    square = gram.diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True)
    level = torch.where(square > TINY, (band.high + band.rounding) * square, torch.inf)
    shifted = gram.clone()
    shifted.diagonal(dim1=-2, dim2=-1).add_(torch.where(live, -level, square.clamp_min(1.0)))
    sure: Tensor = torch.linalg.cholesky_ex(shifted).info == 0
    return sure


def _inertia(gram: Tensor, band: Band) -> tuple[Tensor, Tensor]:
    """How many eigenvalues are above the tolerance, and where that is certain."""
    square = gram.diagonal(dim1=-2, dim2=-1).sum(-1)
    below, above = _largest(gram)
    low = band.low * below - band.rounding * square
    high = band.high * above + band.rounding * square
    both = torch.cat([gram, gram])
    both.diagonal(dim1=-2, dim2=-1).sub_(torch.cat([low, high])[:, None])
    factors, exchanges, _ = torch.linalg.ldl_factor_ex(both)
    single = exchanges > 0  # else half of a block of two, which has one positive eigenvalue
    positive = single & (factors.diagonal(dim1=-2, dim2=-1) > 0)
    least, most = (positive.sum(-1) + (~single).sum(-1) // 2).view(2, -1).flip(0)
    return least, (least == most) & (low > 0) & (square > TINY)


def _largest(gram: Tensor) -> tuple[Tensor, Tensor]:
    """The largest eigenvalue from below and above, after two steps of the power method.

    By their residual, one eigenvalue is near the quotient; that it is the largest is certain once
    its square is more than half of all squares.
    """
    one = gram @ gram.sum(-1, keepdim=True)
    two = gram @ one
    length = (one * one).sum((-2, -1))
    quotient = (one * two).sum((-2, -1)) / length
    off = ((two * two).sum((-2, -1)) / length - quotient**2).clamp_min(0).sqrt()
    squares = torch.linalg.vector_norm(gram, dim=(-2, -1))
    dominant = quotient - off > squares / 2**0.5
    return quotient, torch.where(dominant, torch.minimum(quotient + off, squares), squares)
