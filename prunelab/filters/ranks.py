"""Ranks of many small matrices at once: the numerical rank and the effective rank."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

CHUNK = 2**16  # numbers that are worked on at once: in float64 they fit a core's own cache
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

    In float64, the eigenvalues of AAᵀ are the squares of A's singular values. Where as many are
    above both ends of what rounding in float32 can make of the official tolerance, that is the
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
    gram, square = _products(_wide(maps))
    if not square.isfinite().all():
        official: Tensor = torch.linalg.matrix_rank(maps)  # it says what it thinks of that
        return official
    band = _band(max(maps.shape[-2:]))
    rank = (square > 0).sum(-1)
    rest = (~_independent(gram, square, band)).nonzero().flatten()
    if len(rest):
        rank[rest], sure = _counted(gram[rest], band)
        doubt = rest[~sure]
        rank[doubt] = torch.linalg.matrix_rank(maps[doubt])
    return rank


def _wide(maps: Tensor) -> Tensor:
    """The maps or their transposes, with at most as many rows, or of as many fewer not zero."""
    if maps.shape[-2] != maps.shape[-1]:
        return maps if maps.shape[-2] < maps.shape[-1] else maps.mT
    size = maps.abs()
    rows, columns = ((size.sum(d) != 0).sum(-1) for d in (-1, -2))
    tall = (rows > columns).nonzero().flatten()
    return maps.index_copy(0, tall, maps[tall].mT) if len(tall) else maps


def _products(maps: Tensor) -> tuple[Tensor, Tensor]:
    """AAᵀ in float64, and a copy of its diagonal."""
    x = maps.double()
    gram = torch.bmm(x, x.mT)
    return gram, gram.diagonal(dim1=-2, dim2=-1).clone()


def _band(size: int) -> Band:
    off = 4 + size / 8
    low, high = (max(0.0, size + way * off) * EPS for way in (-1, 1))
    return Band(low**2, high**2, 16 * size * torch.finfo(torch.float64).eps)


def _independent(gram: Tensor, square: Tensor, band: Band) -> Tensor:
    """Whether a Cholesky factor proves all rows that are not zero to be independent.

    σ₁² is at most Σσ², the sum of their squares. The products stay as they were.
    """
    whole = square.sum(-1, keepdim=True)
    level = torch.where(whole > TINY, (band.high + band.rounding) * whole, torch.inf)
    diagonal = gram.diagonal(dim1=-2, dim2=-1)
    diagonal.copy_(torch.where(square > 0, square - level, whole.clamp_min(1.0)))
    sure: Tensor = torch.linalg.cholesky_ex(gram).info == 0
    diagonal.copy_(square)
    return sure


def _counted(gram: Tensor, band: Band) -> tuple[Tensor, Tensor]:
    """How many eigenvalues are above the tolerance, and where that is certain."""
    found = torch.linalg.eigvalsh(gram)
    largest, off = found[:, -1:], band.rounding * found.sum(-1, keepdim=True)
    low = band.low * largest - off
    least, most = (found > band.high * largest + off).sum(-1), (found > low).sum(-1)
    return least, (least == most) & ((low > 0) & (largest > TINY)).squeeze(-1)
