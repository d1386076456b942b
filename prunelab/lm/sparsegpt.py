"""SparseGPT (Frantar & Alistarh 2023, arXiv:2301.00774): prune a layer, let the rest make up.

Columns are taken in order. What a pruned weight leaves undone is made up for, by the inverse
Hessian, in the columns that come after it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from prunelab.lm.counting import without_lowest
from prunelab.masks import removed
from prunelab.spec import SpecError

COLUMNS = 128  # that choose their mask together
GROUP = 16  # of them that are changed together by those before
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
    exact = torch.float64 if weight.dtype == torch.float64 else torch.float32
    w = weight.to(exact).clone()
    upper, dead = _inverse(hessian.double(), damp)
    upper = upper.to(exact)
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
    """Prune some columns in place; what is to be made up for behind them, and the error.

    A column is changed once, when its turn comes, by all that was left undone before it: first by
    that of earlier groups together, then by that of its own group. The columns lie as rows here.
    """
    columns, diagonal = w.T.contiguous(), upper.diagonal()[:, None]
    undone = torch.zeros_like(columns)
    if pattern is None:
        cost = (columns / diagonal).square().T.flatten()
        stays.copy_(without_lowest(cost[None], removed(sparsity, cost.numel())).view_as(w))
    size = pattern[1] if pattern else GROUP
    for start in range(0, len(columns), size):
        group = slice(start, min(start + size, len(columns)))
        columns[group] -= upper[:start, group].T @ undone[:start]
        if pattern:
            cost = (columns[group] / diagonal[group]).square().T
            stays[:, group] = without_lowest(cost, pattern[1] - pattern[0])
        for j in range(start, group.stop):
            columns[j] -= upper[start:j, j] @ undone[start:j]
            undone[j] = columns[j].masked_fill(stays[:, j], 0.0) / diagonal[j]
            columns[j].masked_fill_(~stays[:, j], 0.0)
    w.copy_(columns.T)
    return undone.T, float(undone.square().sum() / 2)


def _inverse(h: Tensor, damp: float) -> tuple[Tensor, Tensor]:
    """The upper Cholesky factor of the inverse, and the inputs that never say anything.

    From the back: H = V Vᵀ with V upper gives H⁻¹ = Uᵀ U with U = V⁻¹, so nothing is inverted but a
    triangle.
    """
    dead = h.diagonal() == 0
    h = h.clone()
    h.diagonal()[dead] = 1
    mean, one = float(h.diagonal().mean()), torch.eye(len(h), dtype=h.dtype, device=h.device)
    while damp <= 1:
        lower, failed = torch.linalg.cholesky_ex((h + damp * mean * one).flip(0, 1))
        if not failed:
            return torch.linalg.solve_triangular(lower.flip(0, 1), one, upper=True), dead
        damp *= 10
    raise SpecError(
        "SparseGPT found no inverse Hessian: the calibration text says too little, or what arrives "
        "is not finite. Give more text."
    )
