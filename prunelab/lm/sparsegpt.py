"""SparseGPT (Frantar & Alistarh 2023, arXiv:2301.00774): prune a layer, let the rest make up.

Columns are taken in order. What a pruned weight leaves undone is made up for, by the inverse
Hessian, in the columns that come after it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from prunelab.masks import removed
from prunelab.spec import SpecError

COLUMNS = 128  # that choose their mask together
DAMP = 0.01


class Solved(NamedTuple):
    """The new weight, what of it stays, and the error over the inputs that was left."""

    weight: Tensor
    stays: Tensor
    loss: float


@torch.no_grad()
def solve(
    weight: Tensor,
    hessian: Tensor,
    sparsity: float,
    *,
    pattern: tuple[int, int] | None = None,
    columns: int = COLUMNS,
    damp: float = DAMP,
) -> Solved:
    """Prune a layer by the Hessian of its reconstruction error, H = Σ x xᵀ up to a factor.

    Args:
        weight: (outputs, inputs).
        hessian: (inputs, inputs).
        sparsity: share to remove; of every ``columns`` together, over all outputs.
        pattern: (n, m): of every m inputs n stay; then ``sparsity`` has no say.
        columns: that choose together.
        damp: share of the mean of the diagonal that is added to it.

    Raises:
        SpecError: a Hessian that has no inverse even when much is added to its diagonal.
    """
    w = weight.double().clone()
    upper, dead = _inverse(hessian.double(), damp)
    w[:, dead] = 0
    stays = torch.ones_like(w, dtype=torch.bool)
    loss = 0.0
    step = columns if pattern is None else columns - columns % pattern[1]
    for start in range(0, w.shape[1], step):
        here = slice(start, min(start + step, w.shape[1]))
        undone, part = _block(w[:, here], stays[:, here], upper[here, here], sparsity, pattern)
        w[:, here.stop :] -= undone @ upper[here, here.stop :]
        loss += part
    return Solved(w.to(weight.dtype), stays, loss)


def _block(
    w: Tensor, stays: Tensor, upper: Tensor, sparsity: float, pattern: tuple[int, int] | None
) -> tuple[Tensor, float]:
    """Prune some columns in place; what is to be made up for behind them, and the error."""
    undone = torch.zeros_like(w)
    diagonal = upper.diagonal()
    if pattern is None:
        cost = (w / diagonal).square().flatten()
        gone = cost.argsort(stable=True)[: removed(sparsity, cost.numel())]
        stays.copy_(torch.ones_like(cost, dtype=torch.bool).index_fill_(0, gone, False).view_as(w))
    for j in range(w.shape[1]):
        if pattern and j % pattern[1] == 0:
            few = slice(j, j + pattern[1])
            cost = (w[:, few] / diagonal[few]).square()
            gone = cost.argsort(dim=1, stable=True)[:, : pattern[1] - pattern[0]]
            stays[:, few] = torch.ones_like(cost, dtype=torch.bool).scatter_(1, gone, False)
        error = torch.where(stays[:, j], 0.0, w[:, j]) / diagonal[j]
        w[:, j:].addr_(error, upper[j, j:], alpha=-1)
        w[:, j].masked_fill_(~stays[:, j], 0.0)
        undone[:, j] = error
    return undone, float(undone.square().sum() / 2)


def _inverse(h: Tensor, damp: float) -> tuple[Tensor, Tensor]:
    """The upper Cholesky factor of the inverse, and the inputs that never say anything."""
    dead = h.diagonal() == 0
    h = h.clone()
    h.diagonal()[dead] = 1
    mean = float(h.diagonal().mean())
    while damp <= 1:
        shifted = h + damp * mean * torch.eye(len(h), dtype=h.dtype, device=h.device)
        factor, failed = torch.linalg.cholesky_ex(shifted)
        if not failed:
            inverse = torch.cholesky_inverse(factor)
            upper, failed = torch.linalg.cholesky_ex(inverse, upper=True)
            if not failed:
                return upper, dead
        damp *= 10
    raise SpecError(
        "SparseGPT found no inverse Hessian: the calibration text says too little, or what arrives "
        "is not finite. Give more text."
    )
