"""SparseGPT (Frantar & Alistarh 2023, arXiv:2301.00774): prune a layer, let the rest make up.

Columns are taken in order. What a pruned weight leaves undone is made up for, by the inverse
Hessian, in the columns that come after it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from prunelab.lm.counting import without_lowest
from prunelab.masks import removed
from prunelab.spec import SpecError

COLUMNS = 128  # that choose their mask together
SQUARE = 128  # columns that are factored together
GROUP = 16  # of them that are changed together by those before
DAMP = 0.01


class Solved(NamedTuple):
    """The new weight, how many of its numbers stay, the error over the inputs that was left."""

    weight: Tensor
    kept: int
    loss: float

    @property
    def stays(self) -> Tensor:
        """The mask: what is not zero."""
        return self.weight != 0


def solve(weight: Tensor, hessian: Tensor, sparsity: float, **how: Any) -> Solved:
    """``solve_`` that leaves the weight and the Hessian as they are."""
    return solve_(weight.clone(), hessian.clone(), sparsity, **how)


@torch.no_grad()
def solve_(
    weight: Tensor,
    hessian: Tensor,
    sparsity: float,
    *,
    pattern: tuple[int, int] | None = None,
    columns: int = COLUMNS,
    damp: float = DAMP,
) -> Solved:
    """Prune a layer in place by the Hessian of its reconstruction error, H = Σ x xᵀ up to a factor.

    The Hessian is used up: what is computed from it takes its place, so that there is memory for a
    few blocks of columns alone.

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
    w, upper = weight.to(exact), hessian.to(exact)
    w[:, _invert(upper, damp)] = 0
    kept, loss = 0, 0.0
    step = columns if pattern is None else columns - columns % pattern[1]
    for start in range(0, w.shape[1], step):
        here = slice(start, start + step)
        block = _turned(w[:, here])  # inputs as rows: each is changed as a whole
        undone, stay = _block(block, upper[here, here], sparsity, pattern)
        w[:, here] = _turned(block)
        w[:, here.stop :].addmm_(undone.T, upper[here, here.stop :], alpha=-1)
        kept, loss = kept + stay, loss + float(undone.square_().sum() / 2)
    return Solved(weight if w is weight else weight.copy_(w), kept, loss)


def _turned(block: Tensor) -> Tensor:
    """The transpose; of a tensor without gaps it is many times faster."""
    return block.contiguous().T.contiguous()


def _block(
    w: Tensor, upper: Tensor, sparsity: float, pattern: tuple[int, int] | None
) -> tuple[Tensor, int]:
    """Prune some inputs, rows here, in place; what is to be made up for, how many weights stay.

    A row is changed once, when its turn comes, by all that was left undone before it: first by
    that of earlier groups together, then by that of its own group.
    """
    diagonal, undone = upper.diagonal()[:, None], torch.empty_like(w)
    stays = torch.empty_like(w, dtype=torch.bool)
    if pattern is None:
        cost = torch.div(w, diagonal, out=undone).square_().view(1, -1)
        stays = without_lowest(cost, removed(sparsity, cost.numel())).view_as(w)
    size = pattern[1] if pattern else GROUP
    for start in range(0, len(w), size):
        group = slice(start, start + size)
        if start:
            w[group].addmm_(upper[:start, group].T, undone[:start], alpha=-1)
        if pattern:
            cost = (w[group] / diagonal[group]).square_().T.contiguous()
            stays[group] = without_lowest(cost, pattern[1] - pattern[0]).T
        goes = ~stays[group] / diagonal[group]
        _group(w[group], upper[group, group], goes, undone[group])
    w.mul_(stays)
    return undone, int(stays.count_nonzero())


def _group(w: Tensor, upper: Tensor, goes: Tensor, undone: Tensor) -> None:
    """Row by row: change it by what those before left undone, note what it leaves itself."""
    undone.zero_()  # so that every row can add up all of them: those after it are not there yet
    every, columns = undone.T, upper.triu(1).T.contiguous()
    for row, column, share, left in zip(w, columns, goes, undone, strict=True):
        row.addmv_(every, column, alpha=-1)
        torch.mul(row, share, out=left)


def _invert(h: Tensor, damp: float) -> Tensor:
    """Of H make U in place, upper with H⁻¹ = Uᵀ U; which inputs never say anything.

    From the back: H = V Vᵀ with V upper, and U = V⁻¹, so nothing is inverted but a triangle.
    """
    dead = h.diagonal() == 0
    h.diagonal()[dead] = 1
    parts = [slice(i, min(i + SQUARE, len(h))) for i in range(0, len(h), SQUARE)]
    squares, mean = [h[part, part].clone() for part in parts], float(h.diagonal().mean())
    while damp <= 1:
        h.diagonal().add_(damp * mean)
        if _factored(h, parts):
            _inverted(h, parts)
            return dead
        for part, square in zip(parts, squares, strict=True):  # the lower half was only read
            h[part, part] = square
            h[part, part.stop :] = h[part.stop :, part].T
        damp = max(10 * damp, DAMP)
    raise SpecError(
        "SparseGPT found no inverse Hessian: the calibration text says too little, or what arrives "
        "is not finite. Give more text."
    )


def _factored(h: Tensor, parts: list[slice]) -> bool:
    """The upper half becomes V, squares on the diagonal V⁻¹; False where there is none."""
    for number in reversed(range(len(parts))):
        part = parts[number]
        lower, failed = torch.linalg.cholesky_ex(h[part, part].flip(0, 1))
        if failed:
            return False
        one = torch.eye(len(lower), dtype=h.dtype, device=h.device)
        h[part, part] = torch.linalg.solve_triangular(lower, one, upper=False).flip(0, 1)
        above = h[: part.start, part]
        above.copy_(above @ h[part, part].T)
        for rows in parts[:number]:
            rest = slice(rows.start, part.start)
            h[rows, rest].addmm_(above[rows], above[rest].T, alpha=-1)
    return True


def _inverted(h: Tensor, parts: list[slice]) -> None:
    """The upper half, V with V⁻¹ in the squares on its diagonal, becomes V⁻¹; the rest zero."""
    for number, part in enumerate(parts):
        h[part.stop :, part] = 0
        above = h[: part.start, part] @ h[part, part]
        for rows in parts[:number]:
            rest = slice(rows.start, part.start)
            h[rows, part] = torch.mm(h[rows, rest], above[rest]).neg_()
