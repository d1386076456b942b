"""N:M patterns of single weights: of every M consecutive inputs N stay."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from prunelab.spec import SpecError


def blockwise(name: str, w: Tensor, m: int) -> Tensor:
    """Scores that keep the largest |w| of every block first, then the second largest, and so on.

    A block is ``m`` consecutive inputs (input channels of one tap of a kernel). float64.

    Raises:
        SpecError: m does not divide the inputs of the layer.
    """
    if w.shape[1] % m:
        divisors = [d for d in range(2, 33) if w.shape[1] % d == 0]
        fits = f"m = {', '.join(map(str, divisors))}" if divisors else "another model or method"
        raise SpecError(
            f"{name} has {w.shape[1]} inputs, which blocks of {m} do not divide; choose {fits}."
        )
    size = w.detach().abs().double().movedim(1, -1)
    blocks = size.reshape(-1, m)
    order = blocks.sort(dim=1, descending=True, stable=True).indices
    rank = torch.empty_like(order).scatter_(1, order, torch.arange(m).expand_as(order).to(w.device))
    within = blocks / (1 + blocks.max().clamp_min(1e-300))
    return (within - rank).reshape(size.shape).movedim(-1, 1)


def pattern(sparsity: float, m: int) -> str:
    """Empty where a sparsity is an N:M pattern, else a sentence that says which ones are near."""
    n = m * (1 - sparsity)
    if math.isclose(n, round(n), abs_tol=1e-9):
        return ""
    near = ", ".join(
        f"{1 - k / m:g} for {k}:{m}" for k in {math.floor(n), math.ceil(n)} if 0 < k <= m
    )
    return (
        f"{sparsity:g} is no N:{m} pattern: some blocks keep {math.floor(n)} weights, others "
        f"{math.ceil(n)}. Ask for {near}."
    )
