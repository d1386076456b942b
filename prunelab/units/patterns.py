"""N:M patterns of single weights: of every M consecutive inputs N stay."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from prunelab.spec import SpecError
from prunelab.speech import phrase


def blockwise(name: str, w: Tensor, m: int) -> Tensor:
    """Scores that keep the largest |w| of every block first, then the second largest, and so on.

    A block is ``m`` consecutive inputs (input channels of one tap of a kernel). float64.

    Raises:
        SpecError: m does not divide the inputs of the layer.
    """
    size = w.detach().abs().double()
    return size / (1 + size.max().clamp_min(1e-300)) + places(name, w, m)


def places(name: str, w: Tensor, m: int) -> Tensor:
    """0 for the largest |w| of its block, -1 for the second, and so on; lower index first on ties.

    Enough where the sparsity is an N:M pattern, and quicker.

    Raises:
        SpecError: m does not divide the inputs of the layer.
    """
    return _whole(_places(name, w, m), w).to(w.dtype)


def best(name: str, w: Tensor, n: int, m: int) -> Tensor:
    """The mask of the ``n`` largest |w| of every block, lower index first on ties.

    Raises:
        SpecError: m does not divide the inputs of the layer.
    """
    chosen = _places(name, w, m).add_(n).clamp_(0, 1)  # comparing takes torch six times as long
    return _whole(chosen.view(torch.bool), w)


def _places(name: str, w: Tensor, m: int) -> Tensor:
    """The places as small numbers, a row for each position in a block."""
    if w.shape[1] % m:
        divisors = [d for d in range(2, 33) if w.shape[1] % d == 0]
        fits = f"m = {', '.join(map(str, divisors))}" if divisors else "another model or method"
        raise SpecError(
            f"{name} has {w.shape[1]} inputs, which blocks of {m} do not divide; choose {fits}."
        )
    inputs = w.detach().abs().movedim(1, -1).reshape(-1, m).unbind(1)
    place = torch.arange(1 - m, 1, dtype=torch.int8, device=w.device)[:, None]
    place = place.repeat(1, len(inputs[0]))
    first = torch.empty_like(inputs[0], dtype=torch.bool)
    for a, b in itertools.combinations(range(m), 2):  # a sort of many short rows costs more
        torch.ge(inputs[a], inputs[b], out=first)
        place[b].sub_(first.view(torch.int8))
        place[a].add_(first.view(torch.int8))
    return place


def _whole(rows: Tensor, w: Tensor) -> Tensor:
    """In the shape of the weights: stacking rows costs a third of copying their transpose."""
    joined = torch.stack(rows.unbind(), dim=1).reshape(w.movedim(1, -1).shape)
    return joined.movedim(-1, 1).contiguous()


def pattern(sparsity: float, m: int) -> str:
    """Empty where a sparsity is an N:M pattern, else a sentence that says which ones are near."""
    n = m * (1 - sparsity)
    if math.isclose(n, round(n), abs_tol=1e-9):
        return ""
    near = ", ".join(
        f"{1 - k / m:g} for {k}:{m}" for k in {math.floor(n), math.ceil(n)} if 0 < k <= m
    )
    return phrase(
        f"{sparsity:g} is no N:{m} pattern: some blocks keep {math.floor(n)} weights, others "
        f"{math.ceil(n)}. Ask for {near}."
    )
