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
    w = weight.T.to(exact, copy=True, memory_format=torch.contiguous_format)  # inputs as rows
    upper, dead = _inverse(hessian.to(exact), damp)
    w[dead] = 0
    stays = torch.ones_like(w, dtype=torch.bool)
    loss = 0.0
    step = columns if pattern is None else columns - columns % pattern[1]
    for start in range(0, len(w), step):
        here = slice(start, min(start + step, len(w)))
        undone = _block(w[here], stays[here], upper[here, here], sparsity, pattern)
        w[here.stop :].addmm_(upper[here, here.stop :].T, undone, alpha=-1)
        loss += float(undone.square().sum() / 2)
    return Solved(w.T.to(weight.dtype), stays.T, loss)


def _block(
    w: Tensor, stays: Tensor, upper: Tensor, sparsity: float, pattern: tuple[int, int] | None
) -> Tensor:
    """Prune some inputs, rows here, in place; what is to be made up for behind them.

    A row is changed once, when its turn comes, by all that was left undone before it: first by
    that of earlier groups together, then by that of its own group.
    """
    diagonal, undone = upper.diagonal()[:, None], torch.empty_like(w)
    if pattern is None:
        cost = (w / diagonal).square_().view(1, -1)
        stays.copy_(without_lowest(cost, removed(sparsity, cost.numel())).view_as(w))
    size = pattern[1] if pattern else GROUP
    for start in range(0, len(w), size):
        group = slice(start, min(start + size, len(w)))
        if start:
            w[group].addmm_(upper[:start, group].T, undone[:start], alpha=-1)
        if pattern:
            cost = (w[group] / diagonal[group]).square_().T.contiguous()
            stays[group] = without_lowest(cost, pattern[1] - pattern[0]).T
        goes, inverse = ~stays[group], 1 / diagonal[group]
        for j in range(start, group.stop):
            row = w[j]
            if j > start:
                row.addmv_(undone[start:j].T, upper[start:j, j], alpha=-1)
            torch.mul(row, goes[j - start], out=undone[j])
            row -= undone[j]
            undone[j] *= inverse[j - start]
    return undone


def _inverse(h: Tensor, damp: float) -> tuple[Tensor, Tensor]:
    """The upper Cholesky factor of the inverse, and the inputs that never say anything.

    From the back: H = V Vᵀ with V upper gives H⁻¹ = Uᵀ U with U = V⁻¹, so nothing is inverted but a
    triangle.
    """
    dead = h.diagonal() == 0
    h = h.clone()
    h.diagonal()[dead] = 1
    mean, none = float(h.diagonal().mean()), 0.0
    while damp <= 1:
        h.diagonal().add_((damp - none) * mean)
        lower, failed = torch.linalg.cholesky_ex(h.flip(0, 1))
        if not failed:
            return _inverted(lower).flip(0, 1), dead
        damp, none = damp * 10, damp
    raise SpecError(
        "SparseGPT found no inverse Hessian: the calibration text says too little, or what arrives "
        "is not finite. Give more text."
    )


def _inverted(lower: Tensor) -> Tensor:
    """The inverse of a lower triangle: of its two halves, and what joins them."""
    n = len(lower)
    if n <= COLUMNS:
        one = torch.eye(n, dtype=lower.dtype, device=lower.device)
        solved: Tensor = torch.linalg.solve_triangular(lower, one, upper=False)
        return solved
    half, found = n // 2, torch.zeros_like(lower)
    found[:half, :half] = _inverted(lower[:half, :half])
    found[half:, half:] = _inverted(lower[half:, half:])
    found[half:, :half] = found[half:, half:] @ lower[half:, :half] @ found[:half, :half]
    found[half:, :half].neg_()
    return found
